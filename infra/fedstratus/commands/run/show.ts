// `fedstratus run show`: one run on one screen.
import { command } from "../../frame/command.ts";
import { OF_CALLS } from "../../frame/exitCodes.ts";
import { arg } from "../../frame/values.ts";

export const runShow = command({
  name: "run show",
  summary: "Show a run: where it stands, its scores and its cost.",
  examples: ["run show @last", "run show fashion-20-1f9c0a77 --json"],
  args: { run: arg.run("<run>") },
  options: {},
  isMutating: false,
  isIdempotent: true,
  isStreaming: false,
  exits: OF_CALLS,
  run: async (context, { args }) => {
    const [{ Run }, { runLines }, { evaluationsOf }, { teachersOf }] = await Promise.all([
      import("../../../../shared/core/schemas/run.ts"),
      import("../../documents/runs.ts"),
      import("../../documents/evaluations.ts"),
      import("../../documents/teachersOf.ts"),
    ]);
    const api = await context.api();
    const { json, value } = await api.call(
      { method: "GET", path: `/v1/runs/${await api.runId(args.run)}` },
      Run,
    );
    await context.out.document(json, async () => {
      const [evaluations, teachers] = await Promise.all([
        evaluationsOf(value.runId, api),
        teachersOf(value, api),
      ]);
      return runLines(value, context.io.nowMs(), evaluations, teachers);
    });
    return undefined;
  },
});
