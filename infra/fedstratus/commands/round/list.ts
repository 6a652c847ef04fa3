// `fedstratus round list`: a run's rounds, first to last.
import { command } from "../../frame/command.ts";
import { OF_CALLS } from "../../frame/exitCodes.ts";
import { arg, opt } from "../../frame/values.ts";

export const roundList = command({
  name: "round list",
  summary: "List a run's rounds, first to last.",
  examples: ["round list @last", "round list @last --all --json --fields round,accuracy,costUsd"],
  args: { run: arg.run("<run>") },
  options: {
    limit: opt.whole("--limit <n>", "how many, at most", { min: 1, max: 1_000, fallback: 50 }),
    all: opt.flag("--all", "all of them"),
  },
  isMutating: false,
  isIdempotent: true,
  isStreaming: false,
  exits: OF_CALLS,
  run: async (context, { args, options }) => {
    const { io, out } = context;
    const [{ Round }, { roundColumns }] = await Promise.all([
      import("../../../../shared/core/schemas/round.ts"),
      import("../../documents/rounds.ts"),
    ]);
    const api = await context.api();
    const runId = await api.runId(args.run);
    const { items, json } = await api.list(`/v1/runs/${runId}/rounds`, Round, options);
    await out.table({
      columns: roundColumns(io.nowMs()),
      rows: items,
      itemOf: (row) => row.json,
      json,
      empty: `Run ${runId} has no rounds yet.`,
    });
    if (json.nextCursor !== null) out.say(`There are more: --limit ${options.limit * 5}, or --all.`);
    return undefined;
  },
});
