// `fedstratus run create`: a run of a spec; its id is the last line, for `$(…)`.
import { command } from "../../frame/command.ts";
import { OF_CALLS } from "../../frame/exitCodes.ts";
import { opt } from "../../frame/values.ts";
import { keyOption, specArg, specOptions, weightsOption } from "../../input/specOptions.ts";

export const runCreate = command({
  name: "run create",
  summary: "Create a run, and print its id.",
  about: "It is ready once its initial weights are made. @last is this run from then on, in this folder.",
  examples: [
    "run create spec.json",
    "run create spec.json --set stop.rounds=5 --start",
    "run create spec.json --dry-run",
  ],
  args: { spec: specArg },
  options: {
    ...specOptions,
    weights: weightsOption,
    start: opt.flag("--start", "start it as soon as it is ready"),
    key: keyOption,
    dryRun: opt.flag("--dry-run", "create nothing; say what fedstratus check says"),
  },
  isMutating: true,
  isIdempotent: false,
  isStreaming: false,
  exits: [...OF_CALLS, "input"],
  run: async (context, { args, options }) => {
    const { io, out } = context;
    if (options.dryRun) {
      const [{ readSpec }, { checkSpec }] = await Promise.all([
        import("../../input/specFile.ts"),
        import("../../input/checkSpec.ts"),
      ]);
      const spec = await readSpec(args.spec, options, io);
      return checkSpec(spec, null, context);
    }
    const [{ createRun }, { Run }] = await Promise.all([
      import("../../input/createRun.ts"),
      import("../../../../shared/core/schemas/run.ts"),
    ]);
    let run = await createRun(args.spec, options, context);
    if (options.start) {
      const api = await context.api();
      run = await api.call({ method: "POST", path: `/v1/runs/${run.value.runId}/start` }, Run);
    }
    await out.document(run.json, () => [run.value.runId]);
    return undefined;
  },
});
