// `fedstratus client import`: registers the clients of a CSV file.
import { command } from "../../frame/command.ts";
import { OF_CALLS } from "../../frame/exitCodes.ts";
import { arg, opt } from "../../frame/values.ts";

export const clientImport = command({
  name: "client import",
  summary: "Register the clients of a CSV file, and say of each whether it is added, the same or different.",
  about:
    "The first line names the columns: clientId, url, serviceAccount; and as wanted memoryMib, vcpu, timeoutSeconds, samples, classes, description and label.<name>. What is registered with other data stays as it is.",
  examples: ["client import clients.csv --dry-run", "client import clients.csv --parallel 16"],
  args: { file: arg.file("<file>", "the CSV file; - for standard input") },
  options: {
    dryRun: opt.flag("--dry-run", "register nothing; say what would be"),
    parallel: opt.whole("--parallel <n>", "how many at a time", { min: 1, max: 64, fallback: 8 }),
  },
  isMutating: true,
  isIdempotent: true,
  isStreaming: false,
  exits: [...OF_CALLS, "input"],
  run: async (context, { args, options }) => {
    const { io, out } = context;
    const [{ importClients }, { pathOf }, { readText }, { text: textOf }] = await Promise.all([
      import("../../input/importClients.ts"),
      import("../../input/specFile.ts"),
      import("../../../cli/files.ts"),
      import("node:stream/consumers"),
    ]);
    const text = args.file === "-" ? await textOf(io.stdin) : await readText(pathOf(args.file, io));
    const rows = await importClients(text, options, await context.api());
    await out.table({
      columns: [
        { key: "line", title: "line", align: "right", rank: 1, text: ({ line }) => String(line) },
        { key: "clientId", title: "client", rank: 0, text: ({ clientId }) => clientId ?? "" },
        { key: "result", title: "result", rank: 0, text: ({ result }) => result },
        {
          key: "problems",
          title: "problems",
          rank: 0,
          text: ({ problems }) => problems.map(({ path, message }) => `${path}: ${message}`).join("; "),
        },
      ],
      rows,
      itemOf: (row) => row,
      json: { items: rows, nextCursor: null },
      empty: "The file has no clients.",
    });
    const count = (result: string) => rows.filter((row) => row.result === result).length;
    out.say(
      `${count("added")} ${options.dryRun ? "would be added" : "added"}, ${count("same")} the same, ${count("different")} different, ${count("refused")} refused`,
    );
    if (count("refused") > 0) return "input";
    return count("different") > 0 ? "refused" : undefined;
  },
});
