// `fedstratus model evaluate`: scores a version on a test set of the deployment.
import { command } from "../../frame/command.ts";
import { OF_CALLS } from "../../frame/exitCodes.ts";
import { arg, opt } from "../../frame/values.ts";
import { keyOption } from "../../input/specOptions.ts";

export const modelEvaluate = command({
  name: "model evaluate",
  summary: "Score a model version on a test set of the deployment.",
  about:
    "The evaluator does it, and the score stands beside those that the run makes: it chooses no best version and ends no run. model list shows the last one of each version.",
  examples: [
    "model evaluate @last:best --wait",
    "model evaluate @last:7 --test-set spring --metrics f1,auc --wait",
  ],
  args: { model: arg.model("<run[:version]>") },
  options: {
    testSet: opt.text("--test-set <name>", "another of the deployment's test sets than the run's"),
    metrics: opt.text(
      "--metrics <list>",
      "metrics beside loss and accuracy, with commas between (default: those of the run)",
    ),
    wait: opt.flag("--wait", "wait for the score, for as long as --timeout says (default 10m)"),
    key: keyOption,
  },
  isMutating: true,
  isIdempotent: false,
  isStreaming: false,
  exits: [...OF_CALLS, "input", "waited"],
  run: async (context, { args, options }) => {
    const [{ Evaluation }, { writtenMetric }, documents, { splitModel }, { waitFor }] = await Promise.all([
      import("../../../../shared/core/schemas/evaluation.ts"),
      import("../../../../shared/core/schemas/metric.ts"),
      import("../../documents/evaluations.ts"),
      import("../../documents/models.ts"),
      import("../../watch/waitFor.ts"),
    ]);
    const { EvaluationAnswer, evaluationLines } = documents;
    const api = await context.api();
    const { run, version: named } = splitModel(args.model);
    const models = `/v1/runs/${await api.runId(run)}/models`;
    const body = {
      ...(options.testSet === undefined ? {} : { data: options.testSet }),
      ...(options.metrics === undefined
        ? {}
        : { metrics: options.metrics.split(",").map((metric) => writtenMetric(metric.trim())) }),
    };
    const path = `${models}/${named === "last" ? "latest" : named}/evaluate`;
    const key = options.key ?? crypto.randomUUID();
    const asked = await api.call({ method: "POST", path, body, key }, Evaluation);
    const { version, number } = asked.value;
    const read = () => api.call({ method: "GET", path: `${models}/${version}/evaluation` }, EvaluationAnswer);
    if (!options.wait) {
      await context.out.document(asked.json, () => evaluationLines(asked.value));
      return undefined;
    }
    const answer = await waitFor(`the score of version ${version}`, context, read, ({ value }) => {
      const { evaluation } = value;
      return evaluation.number > number || evaluation.status !== "asked";
    });
    const { evaluation } = answer.value;
    await context.out.document(Object(answer.json).evaluation, () => evaluationLines(evaluation));
    return evaluation.status === "scored" ? undefined : "refused";
  },
});
