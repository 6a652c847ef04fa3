// `fedstratus client list`: registered clients by name.
import { command } from "../../frame/command.ts";
import { OF_CALLS } from "../../frame/exitCodes.ts";
import { opt } from "../../frame/values.ts";

export const clientList = command({
  name: "client list",
  summary: "List registered clients by name.",
  examples: [
    "client list",
    "client list --idle",
    "client list --label region=north --json --fields clientId,url",
  ],
  args: {},
  options: {
    label: opt.many("--label <name=value>", "only those with this label"),
    idle: opt.flag("--idle", "only those that no run has at work now"),
    limit: opt.whole("--limit <n>", "how many are looked at", { min: 1, max: 1_000, fallback: 100 }),
    all: opt.flag("--all", "all of them"),
  },
  isMutating: false,
  isIdempotent: true,
  isStreaming: false,
  exits: OF_CALLS,
  run: async (context, { options }) => {
    const [{ Client }, { clientColumns }, { labelsOf }, { busyClients }] = await Promise.all([
      import("../../../../shared/core/schemas/client.ts"),
      import("../../documents/clients.ts"),
      import("../../input/registrations.ts"),
      import("../../documents/busyClients.ts"),
    ]);
    const wanted = Object.entries(labelsOf(options.label));
    const isWanted = (labels: Readonly<Record<string, string>>) =>
      wanted.every(([name, value]) => Object.hasOwn(labels, name) && labels[name] === value);
    const api = await context.api();
    const { items, json } = await api.list("/v1/clients", Client, options);
    const busy = options.idle ? await busyClients(api, context.io.nowMs()) : null;
    const rows = items.filter(
      ({ value }) => isWanted(value.labels) && !(busy?.clients.has(value.clientId) ?? false),
    );
    const nobody =
      wanted.length === 0 ? "There are no clients yet." : "There is no client with these labels.";
    await context.out.table({
      columns: clientColumns(context.io.nowMs()),
      rows,
      itemOf: (row) => row.json,
      json: { items: rows.map((row) => row.json), nextCursor: json.nextCursor },
      empty: busy !== null && items.length > 0 ? "There is no such client that is idle." : nobody,
    });
    if (busy?.hasOlderRuns === true) {
      context.out.warn(
        "Only the newest runs were looked at, as there are so many: an older one that is not over may have some of these at work. run list --status running,paused shows which there are.",
      );
    }
    if (json.nextCursor !== null) context.out.say(`There are more: --limit ${options.limit * 5}, or --all.`);
    return undefined;
  },
});
