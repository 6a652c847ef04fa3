// `fedstratus client check`: has clients say whether they could take part.
import { command } from "../../frame/command.ts";
import { OF_CALLS } from "../../frame/exitCodes.ts";
import { arg, opt } from "../../frame/values.ts";

export const clientCheck = command({
  name: "client check",
  summary: "Have clients say whether they could take part: reach, identity, backend, data, a training step.",
  about:
    "Counts, sizes and times come back, and no value of their data. It waits for as long as --timeout says (default 10m).",
  examples: [
    "client check clinic-07",
    "client check --all --run @last",
    "client check clinic-07 clinic-08 --json",
  ],
  args: { clients: arg.clients("[clients...]") },
  options: {
    all: opt.flag("--all", "all clients"),
    run: opt.text("--run <run>", "a run that is prepared: a few steps of its model are trained", "run"),
    data: opt.text("--data <name>", "without a run: which of their data sets to read"),
    parallel: opt.whole("--parallel <n>", "how many at a time", { min: 1, max: 64, fallback: 8 }),
  },
  isMutating: true,
  isIdempotent: false,
  isStreaming: false,
  exits: [...OF_CALLS, "input", "waited"],
  run: async (context, { args, options }) => {
    const [{ Check }, { checkClients }, { checkColumns }, { UsageError }] = await Promise.all([
      import("../../../../shared/core/schemas/check.ts"),
      import("../../documents/checkClients.ts"),
      import("../../documents/clients.ts"),
      import("../../frame/failures.ts"),
    ]);
    const named = args.clients ?? [];
    if (options.all === named.length > 0) throw new UsageError("Name clients, or say --all.");
    const rows = await checkClients(named, options, context, Check);
    await context.out.table({
      columns: checkColumns(),
      rows,
      itemOf: (row) => row.json,
      json: { items: rows.map((row) => row.json), nextCursor: null },
      empty: "There are no clients yet.",
    });
    return rows.every(({ value }) => value.status === "passed") ? undefined : "refused";
  },
});
