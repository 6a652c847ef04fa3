// `fedstratus data inspect`: what lies in a data set, and a first features file for it.
import { command } from "../../frame/command.ts";
import { arg, opt } from "../../frame/values.ts";

export const dataInspect = command({
  name: "data inspect",
  summary:
    "Say what is in a data set: format, columns and what they hold, classes, and a features file to begin with.",
  about:
    "It tells counts, and the names of columns and folders; values of the data are shown with --show-values alone. With --features all of it is read as a client reads it: shapes, and rows that cannot be used by reason.",
  examples: [
    "data inspect visits.csv",
    "data inspect visits.csv --label outcome --out features.json",
    "data inspect visits.csv --features features.json --json",
  ],
  args: { path: arg.file("<path>", "a file, a folder, or a pattern with * in quotation marks") },
  options: {
    label: opt.text("--label <column>", "of a table: the column to predict (default: a guess)"),
    features: opt.text("--features <file>", "read it as this features file says", "file"),
    rows: opt.whole("--rows <n>", "rows, or images, that are looked at", {
      min: 1,
      max: 1e9,
      fallback: 10_000,
    }),
    all: opt.flag("--all", "look at all of them"),
    showValues: opt.flag("--show-values", "show values of the data, too: ranges, and those of categories"),
    out: opt.text(
      "-o, --out <file>",
      "write the features file, with its values, for you to look through",
      "file",
    ),
    force: opt.flag("--force", "replace a file that exists"),
  },
  isMutating: false,
  isIdempotent: true,
  isStreaming: false,
  exits: ["refused", "input", "unreachable"],
  run: async (context, { args, options }) => {
    const { inspectData } = await import("../../documents/inspectData.ts");
    return inspectData(args.path, options, context);
  },
});
