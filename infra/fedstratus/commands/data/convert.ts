// `fedstratus data convert`: a data set in another format.
import { command } from "../../frame/command.ts";
import { arg, opt } from "../../frame/values.ts";

export const dataConvert = command({
  name: "data convert",
  summary: "Write a data set in another format, perhaps in two parts to train and to test on.",
  about:
    "By the ending of OUT: .safetensors has samples and labels as a model sees them, by a features file, or of a table by --label alone: its numbers as they are. .csv, .tsv, .jsonl and .parquet are tables with the same columns. Rows that cannot be used are left out and counted; with more than maxRefusedShare (1 %) of them nothing is written.",
  examples: [
    "data convert visits.csv visits.safetensors --features features.json --split 0.8",
    "data convert visits.csv visits.safetensors --label outcome --classes well,ill",
    "data convert visits.csv visits.parquet",
  ],
  args: {
    path: arg.file("<in>", "a file, a folder, or a pattern with * in quotation marks"),
    out: arg.file("<out>", "the file to write; with --split two, NAME-train and NAME-test"),
  },
  options: {
    features: opt.text("--features <file>", "the features file, which says what a model sees", "file"),
    label: opt.text("--label <column>", "of a table without a features file: the column to predict"),
    classes: opt.text(
      "--classes <list>",
      "the label's values in the order of their numbers, a,b,c; or how many",
    ),
    split: opt.share(
      "--split <share>",
      "the share of rows to train on, such as 0.8; the others are to test on",
    ),
    seed: opt.whole("--seed <n>", "of the split, which is by a hash of each row", {
      min: 0,
      max: Number.MAX_SAFE_INTEGER,
      fallback: 7,
    }),
    force: opt.flag("--force", "replace files that exist"),
  },
  isMutating: true,
  isIdempotent: false,
  isStreaming: false,
  exits: ["refused", "input", "unreachable"],
  run: async (context, { args, options }) => {
    const { convertData } = await import("../../documents/convertData.ts");
    return convertData({ ...options, ...args }, context);
  },
});
