// Opens a data set of any format that there is a reader for: by its features file, and by the endings of its
// files' names. A reader is loaded when the first data set of its format comes.
import {
  type ArrayFeatures,
  defaultFeatures,
  type Features,
  type TableFeatures,
} from "../../core/data/features.ts";
import { badFile, type DataFile, endingOf } from "./files.ts";
import type { RowSource } from "./rows.ts";

/** Formats of tables by the ending of a file's name. */
const tableEndings: Readonly<Record<string, NonNullable<TableFeatures["format"]>>> = {
  csv: "csv",
  tsv: "tsv",
  tab: "tsv",
  jsonl: "jsonl",
  ndjson: "jsonl",
  parquet: "parquet",
};

const endings: Readonly<Record<Features["kind"], RegExp>> = {
  table: /^(csv|tsv|tab|jsonl|ndjson|parquet)$/,
  arrays: /^(safetensors|npy|npz|idx|)$/,
  images: /^(png|jpe?g)$/,
  text: /^(txt|md|text)$/,
};

/**
 * @param given null where there is no features file.
 * @param roomBytes memory for what a reader must hold at once, such as a row group.
 * @throws FlError("invalid-argument") where no reader fits, or the files do not fit the features file;
 *   FlError("too-large") for a part that does not fit into the room.
 */
export async function openData(
  all: readonly DataFile[],
  given: Features | null,
  roomBytes: number,
): Promise<RowSource> {
  const features = given ?? defaultFeatures;
  // In a folder, other files are not data; a file that is named alone is.
  const files = all.length === 1 ? all : all.filter((file) => isOfKind(file, features.kind));
  const [first] = files;
  const [any] = all;
  if (first === undefined) {
    if (any === undefined) throw new RangeError("no files");
    const formats = `its features are ${given === null ? "arrays, as without a features file" : features.kind}`;
    throw badFile(any, `none of ${all.length} files has an ending that can be read, and ${formats}`);
  }
  switch (features.kind) {
    case "table":
      return openTable(files, features, roomBytes);
    case "arrays":
      return openArrayFiles(files, features, given === null, roomBytes);
    case "images": {
      const { openImages } = await import("./images.ts");
      return openImages(files, features, roomBytes);
    }
    case "text": {
      const { openTexts } = await import("./texts.ts");
      return openTexts(files, features, roomBytes);
    }
  }
}

async function openTable(
  files: readonly DataFile[],
  features: TableFeatures,
  roomBytes: number,
): Promise<RowSource> {
  const format = tableFormatOf(files, features.format);
  switch (format) {
    case "csv":
    case "tsv": {
      const { openCsv } = await import("./csv.ts");
      return openCsv(files, features, features.delimiter ?? (format === "tsv" ? "\t" : ","));
    }
    case "jsonl": {
      const { openJsonLines } = await import("./jsonLines.ts");
      return openJsonLines(files, features);
    }
    case "parquet": {
      const { openParquet } = await import("./parquet.ts");
      return openParquet(files, features, roomBytes);
    }
  }
}

/**
 * The format of a table's files.
 *
 * @param given by a features file
 * @throws FlError("invalid-argument") where it is not known, or not the same for all
 */
export function tableFormatOf(
  files: readonly DataFile[],
  given: TableFeatures["format"],
): NonNullable<TableFeatures["format"]> {
  const formats = new Set(files.map((file) => given ?? formatOf(endingOf(file))));
  const [format] = formats;
  const [first] = files;
  if (first === undefined) throw new RangeError("no files");
  if (format !== undefined && formats.size === 1) return format;
  const what = format === undefined ? "its name does not say its format" : "the files have several formats";
  throw badFile(
    first,
    `${what}: name one as "format" in the features file, or end names in .csv, .tsv, .jsonl or .parquet`,
  );
}

/** Whether a file in a folder belongs to data of a kind, by its ending. */
export function isOfKind(file: Pick<DataFile, "name">, kind: Features["kind"]): boolean {
  return endings[kind].test(endingOf(file));
}

/** The kind of data that a file's name says it is; undefined where it says nothing, or nothing that is read. */
export function kindOf(file: Pick<DataFile, "name">): Features["kind"] | undefined {
  return endingOf(file) === "" ? undefined : KINDS.find((kind) => isOfKind(file, kind));
}

const KINDS = ["table", "arrays", "images", "text"] as const;

function formatOf(ending: string): TableFeatures["format"] {
  return Object.hasOwn(tableEndings, ending) ? tableEndings[ending] : undefined;
}

async function openArrayFiles(
  files: readonly DataFile[],
  features: ArrayFeatures,
  isDefault: boolean,
  roomBytes: number,
): Promise<RowSource> {
  const [first] = files;
  if (first === undefined) throw new RangeError("no files");
  const ending = endingOf(first);
  if (Object.hasOwn(tableEndings, ending) || endings.images.test(ending) || endings.text.test(ending)) {
    const why = isDefault ? "there is no features file (CLIENT_FEATURES)" : 'the features file says "arrays"';
    throw badFile(
      first,
      `it is no file of arrays, and ${why}: say in one which columns are inputs and target`,
    );
  }
  if (ending === "npz") {
    const { openNpz } = await import("./npz.ts");
    return openNpz(files, features, roomBytes);
  }
  const { openArrays } = await import("./arrays.ts");
  return openArrays(files, features, roomBytes);
}
