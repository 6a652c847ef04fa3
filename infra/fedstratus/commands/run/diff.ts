// `fedstratus run diff`: what two runs were told, and what came of it.
import { command } from "../../frame/command.ts";
import { OF_CALLS } from "../../frame/exitCodes.ts";
import { arg, opt } from "../../frame/values.ts";

export const runDiff = command({
  name: "run diff",
  summary: "Compare two runs: the options in which they differ, and their figures.",
  examples: ["run diff fashion-20-1f9c0a77 @last"],
  args: { a: arg.run("<a>"), b: arg.run("<b>") },
  options: { all: opt.flag("--all", "show the options that are the same, too") },
  isMutating: false,
  isIdempotent: true,
  isStreaming: false,
  exits: OF_CALLS,
  run: async (context, { args, options }) => {
    const [{ Run }, { compareRuns, comparisonLines }] = await Promise.all([
      import("../../../../shared/core/schemas/run.ts"),
      import("../../documents/compareRuns.ts"),
    ]);
    const api = await context.api();
    const read = async (named: string) =>
      (await api.call({ method: "GET", path: `/v1/runs/${await api.runId(named)}` }, Run)).value;
    const comparison = compareRuns(await read(args.a), await read(args.b), options.all);
    await context.out.document(comparison, () => comparisonLines(comparison));
    return undefined;
  },
});
