// A features file: how the files of a data set become a model's inputs and target. Its owner writes it beside
// the data, so that nothing is learnt from one client's values that another client would not share.
import * as z from "zod";

const Text = z.string().min(1).max(1_000);
const Finite = z.number();
const Size = z.number().int().min(1).max(1e6);
const Dimensions = z.array(Size).min(1).max(8);

/** Numbers that the owner gives, so that they are the same at every client. */
const Scale = z.union([
  z
    .strictObject({
      min: Finite.describe("This becomes 0; the same number at every client."),
      max: Finite.describe("This becomes 1."),
    })
    .refine(({ min, max }) => min < max, "min must be below max"),
  z.strictObject({
    mean: Finite.describe("This becomes 0: standard scores, with the same numbers at every client."),
    deviation: Finite.gt(0).describe("So far from the mean is 1."),
  }),
  z.strictObject({
    divisor: Finite.refine((value) => value !== 0, "must not be 0").describe("Only divides."),
  }),
]);

const column = Text.describe(
  "The column's name; `*` stands for any characters, for several columns of the same kind.",
);

const Vocabulary = z
  .array(z.string().max(1_000))
  .min(1)
  .max(100_000)
  .refine((words) => new Set(words).size === words.length, "must name each value once");

const NumberColumn = z
  .strictObject({
    column,
    type: z.literal("number").describe("A number, or true and false as 1 and 0."),
    scale: Scale.optional(),
    missing: z
      .union([z.enum(["refuse", "drop"]), Finite])
      .default("refuse")
      .describe(
        "Where a value is missing: `refuse` and count the row, `drop` it on purpose, or this number instead (before scaling).",
      ),
    classes: Size.optional().describe("Only whole numbers 0 to `classes` − 1 are accepted."),
  })
  .describe("One number.");

const CategoryColumn = z
  .strictObject({
    column,
    type: z.literal("category").describe("One of the texts of `vocabulary`."),
    vocabulary: Vocabulary.describe("The values, in the order of their numbers from 0."),
    encode: z
      .enum(["one-hot", "number"])
      .optional()
      .describe("Default `one-hot` for inputs, `number` for the target."),
    other: z
      .enum(["refuse", "drop", "class"])
      .default("refuse")
      .describe(
        "Where a value is missing or not in the vocabulary: `refuse` and count the row, `drop` it on purpose, or `class`: " +
          "one more value, after the vocabulary.",
      ),
  })
  .describe("One of a list of texts.");

const NumbersColumn = z
  .strictObject({
    column,
    type: z.literal("numbers").describe("A list of numbers, perhaps nested, as JSON and Parquet have them."),
    size: Size.describe("How many numbers there are in all."),
    scale: Scale.optional(),
  })
  .describe("A list of numbers.");

const TextColumn = z
  .strictObject({
    column,
    type: z.literal("text").describe("A text as the numbers of its words or characters."),
    unit: z
      .enum(["words", "characters"])
      .default("words")
      .describe("What is numbered. Words are runs of letters, digits, apostrophes and hyphens."),
    length: Size.describe("Numbers a text; a longer text is cut, a shorter one padded with 0."),
    vocabulary: Vocabulary.describe("The first is number 2; 0 is padding, 1 is what is not in it."),
    lowerCase: z.boolean().default(true).describe("Whether upper and lower case are the same."),
  })
  .describe("A text.");

/** A column with its options. */
export const ColumnOptions = z.discriminatedUnion("type", [
  NumberColumn,
  CategoryColumn,
  NumbersColumn,
  TextColumn,
]);

const Column = z.union([
  Text.transform((name) => ({ column: name, type: "number" as const, missing: "refuse" as const })),
  ColumnOptions,
]);
export type Column = z.output<typeof Column>;

const maxRefusedShare = z
  .number()
  .min(0)
  .max(1)
  .default(0.01)
  .describe("The largest share of rows that may be unusable; with more, the client fails with the counts.");

const Table = z.strictObject({
  kind: z.literal("table").describe("Rows of named columns: CSV, TSV, JSON Lines, Parquet."),
  format: z
    .enum(["csv", "tsv", "jsonl", "parquet"])
    .optional()
    .describe("Default: by the ending of the file's name."),
  delimiter: z
    .string()
    .regex(/^[^"\r\n0-9A-Za-z]$/, "use one character that is no letter, digit or quotation mark")
    .optional()
    .describe("Between the fields of CSV; default a comma, in TSV a tab."),
  inputs: z
    .array(Column)
    .min(1)
    .max(10_000)
    .describe("The columns that the model sees, in this order. A text alone is a column of numbers."),
  target: z
    .union([Column, z.array(Column).min(1).max(1_000)])
    .transform((given) => (Array.isArray(given) ? given : [given]))
    .describe("The column, or columns, that it learns."),
  shape: Dimensions.optional().describe("Of one row's inputs, such as [28, 28, 1]; default one dimension."),
  missingValues: z
    .array(z.string().max(100))
    .max(100)
    .default(["", "NA", "NaN", "null"])
    .describe("Texts that mean a missing value, beside JSON's null."),
  maxRefusedShare,
});
export type TableFeatures = z.output<typeof Table>;

const Arrays = z.strictObject({
  kind: z.literal("arrays").describe("Arrays with one entry a sample: safetensors, npy, npz, idx."),
  inputs: Text.default("x").describe(
    "The samples: the name of a tensor, or of a file in the folder (npy, idx).",
  ),
  target: Text.default("y").describe("The labels, likewise."),
  divisor: Finite.gt(0)
    .optional()
    .describe(
      "What the samples are divided by, 255 for bytes of grey; default what a safetensors file says, or 1.",
    ),
  classes: Size.optional().describe("Labels must be whole numbers 0 to `classes` − 1."),
  shape: Dimensions.optional().describe("Of one sample, with as many values; default the array's own."),
});
export type ArrayFeatures = z.output<typeof Arrays>;

const Images = z.strictObject({
  kind: z.literal("images").describe("PNG and JPEG files, each in a folder named after its class."),
  classes: Vocabulary.describe("The folders' names, in the order of the classes' numbers from 0."),
  height: z.number().int().min(1).max(4_096).describe("Pixels; images of other sizes are resized."),
  width: z.number().int().min(1).max(4_096).describe("Pixels."),
  channels: z
    .union([z.literal(1), z.literal(3)])
    .default(3)
    .describe("1: grey · 3: red, green, blue."),
  divisor: Finite.gt(0).default(255).describe("What each value, 0 to 255, is divided by."),
  maxRefusedShare,
});
export type ImageFeatures = z.output<typeof Images>;

const Texts = z
  .strictObject({
    kind: z.literal("text").describe("Text files (UTF-8), cut into windows to predict what comes next."),
    unit: z.enum(["characters", "words", "bytes"]).default("characters").describe("What is numbered."),
    vocabulary: Vocabulary.optional().describe(
      "Words or characters; the first is number 2, 1 is what is not in it. Bytes are their own numbers.",
    ),
    lowerCase: z.boolean().default(false).describe("Whether upper and lower case are the same."),
    length: z.number().int().min(1).max(65_536).describe("Units that the model sees at a time."),
    stride: Size.optional().describe("Units from one window to the next; default `length`."),
    predict: z
      .enum(["next", "each"])
      .default("next")
      .describe("`next`: one label, the unit after the window · `each`: for each unit the one after it."),
  })
  .refine(({ unit, vocabulary }) => (unit === "bytes") === (vocabulary === undefined), {
    path: ["vocabulary"],
    message: "is needed for characters and words, and not for bytes",
  });
export type TextFeatures = z.output<typeof Texts>;

export const Features = z.discriminatedUnion("kind", [Table, Arrays, Images, Texts]);
export type Features = z.output<typeof Features>;

/** What holds where there is no features file: the arrays `x` and `y`. */
export const defaultFeatures: ArrayFeatures = { kind: "arrays", inputs: "x", target: "y" };
