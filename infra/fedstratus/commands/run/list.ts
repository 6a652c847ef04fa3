// `fedstratus run list`: runs, newest first.
import { command } from "../../frame/command.ts";
import { OF_CALLS } from "../../frame/exitCodes.ts";
import { opt } from "../../frame/values.ts";

export const runList = command({
  name: "run list",
  summary: "List runs, newest first.",
  examples: ["run list", "run list --all --json --fields runId,status,totals.costUsd"],
  args: {},
  options: {
    limit: opt.whole("--limit <n>", "how many, at most", { min: 1, max: 1_000, fallback: 20 }),
    all: opt.flag("--all", "all of them"),
  },
  isMutating: false,
  isIdempotent: true,
  isStreaming: false,
  exits: OF_CALLS,
  run: async ({ api, io, out }, { options }) => {
    const [{ Run }, { runColumns }] = await Promise.all([
      import("../../../../shared/core/schemas/run.ts"),
      import("../../documents/runs.ts"),
    ]);
    const { items, json } = await (await api()).list("/v1/runs", Run, options);
    await out.table({
      columns: runColumns(io.nowMs()),
      rows: items,
      itemOf: (row) => row.json,
      json,
      empty: "There are no runs yet. Create one with fedstratus run create.",
    });
    if (json.nextCursor !== null) out.say(`There are more: --limit ${options.limit * 5}, or --all.`);
    return undefined;
  },
});
