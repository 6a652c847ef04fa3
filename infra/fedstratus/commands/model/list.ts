// `fedstratus model list`: the versions of a run's model.
import { command } from "../../frame/command.ts";
import { OF_CALLS } from "../../frame/exitCodes.ts";
import { arg } from "../../frame/values.ts";

export const modelList = command({
  name: "model list",
  summary: "List the versions of a run's model, with their scores.",
  examples: ["model list @last"],
  args: { run: arg.run("<run>") },
  options: {},
  isMutating: false,
  isIdempotent: true,
  isStreaming: false,
  exits: OF_CALLS,
  run: async (context, { args }) => {
    const [{ versionsOf }, { evaluationText }, { numberText }, { lossText, shareText }] = await Promise.all([
      import("../../documents/models.ts"),
      import("../../documents/evaluations.ts"),
      import("../../documents/runs.ts"),
      import("../../../cli/view/format.ts"),
    ]);
    const api = await context.api();
    const runId = await api.runId(args.run);
    const rows = await versionsOf(runId, api);
    await context.out.table({
      columns: [
        { key: "version", title: "version", align: "right", rank: 0, text: ({ version }) => String(version) },
        { key: "round", title: "round", align: "right", rank: 1, text: ({ round }) => numberText(round) },
        {
          key: "accuracy",
          title: "accuracy",
          align: "right",
          rank: 0,
          text: ({ accuracy }) => numberText(accuracy),
          short: ({ accuracy }) => shareText(accuracy, 4),
        },
        {
          key: "loss",
          title: "loss",
          align: "right",
          rank: 1,
          text: ({ loss }) => numberText(loss),
          short: ({ loss }) => lossText(loss),
        },
        { key: "isBest", title: "best", rank: 0, text: ({ isBest }) => (isBest ? "best" : "") },
        { key: "isLast", title: "last", rank: 0, text: ({ isLast }) => (isLast ? "last" : "") },
        {
          key: "evaluation",
          title: "evaluation",
          rank: 2,
          text: ({ evaluation }) => (evaluation === null ? "" : evaluationText(evaluation)),
        },
      ],
      rows,
      itemOf: (row) => row,
      json: { items: rows, nextCursor: null },
      empty: `Run ${runId} has no model yet.`,
    });
    return undefined;
  },
});
