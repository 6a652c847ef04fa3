// `fedstratus data split`: spreads a data set over clients.
import { SPLITS } from "../../../data/split/splits.ts";
import { command } from "../../frame/command.ts";
import { arg, opt } from "../../frame/values.ts";

export const dataSplit = command({
  name: "data split",
  summary:
    "Spread a data set over clients, a file or a folder each, and print who has how many rows of which label.",
  about:
    "Tables, arrays, images in a folder a class, and texts. By a column, rows stay together as they do in real federations; all others are drawn by --seed, and the same each time. The folder gets clients/ and split.json, which says how it was made. Rows that cannot be read are left out and counted; with more than 1 % of them nothing is written.",
  examples: [
    "data split visits.csv --out split --by column --column clinic",
    "data split visits.csv --out split --by dirichlet --label outcome --clients 10 --alpha 0.5 --min 50",
    "data split images --out split --by pathological --clients 20 --classes-per-client 2 --seed 7",
  ],
  args: { path: arg.file("<path>", "a file, a folder, or a pattern with * in quotation marks") },
  options: {
    out: opt.needed("-o, --out <dir>", "the folder to write into, which is made", "folder"),
    by: opt.neededChoice(
      "--by <how>",
      "column: as a column says · iid: evenly · dirichlet: labels in drawn proportions · shards: of rows sorted by label · pathological: some labels a client · size: larger and smaller clients",
      SPLITS,
    ),
    column: opt.text(
      "--column <name>",
      "of --by column: the column that rows stay together by, such as a clinic",
    ),
    clients: opt.wholeOrNone("--clients <n>", "how many; of --by column a client a value where absent", {
      min: 1,
      max: 10_000,
    }),
    label: opt.text("--label <column>", "of a table: the column of labels; else the target of --features"),
    features: opt.text("--features <file>", "a features file, which says how the data are read", "file"),
    alpha: opt.number("--alpha <n>", "of dirichlet: near 0 a label is at one client, at 100 all look alike", {
      above: 0,
      max: 1e6,
      fallback: 0.5,
    }),
    balance: opt.flag("--balance", "of dirichlet: who has an even share of rows gets none of further labels"),
    shardsPerClient: opt.whole("--shards-per-client <n>", "of shards", { min: 1, max: 1_000, fallback: 2 }),
    classesPerClient: opt.whole("--classes-per-client <n>", "of pathological", {
      min: 1,
      max: 1_000,
      fallback: 2,
    }),
    sizes: opt.text(
      "--sizes <which>",
      "of size: linear (the default), or proportions with commas between: 5,3,1",
    ),
    min: opt.whole("--min <n>", "rows that each client has at the least", { min: 1, max: 1e9, fallback: 1 }),
    seed: opt.whole("--seed <n>", "of everything that is drawn", {
      min: 0,
      max: Number.MAX_SAFE_INTEGER,
      fallback: 7,
    }),
    force: opt.flag("--force", "replace a split that is there, all of it"),
  },
  isMutating: true,
  isIdempotent: false,
  isStreaming: false,
  exits: ["refused", "input", "unreachable"],
  run: async (context, { args, options }) => {
    const { splitData } = await import("../../documents/splitData.ts");
    return splitData(args.path, options, context);
  },
});
