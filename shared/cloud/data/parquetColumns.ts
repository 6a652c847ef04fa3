// The columns of a Parquet file that can be inputs or target: numbers, texts, and lists of numbers.
import type { ColumnMetaData, FileMetaData, SchemaTree } from "hyparquet";
import type { PageColumn } from "./parquetPages.ts";

/** Lists within lists, and what stands around them; the encoder of rows reads no deeper ones. */
const MOST_LEVELS = 24;
/** Of a column in the schema; a tree of them is made by a recursive function. */
const MOST_SCHEMA_LEVELS = 100;
/** A decimal number of more bytes has more digits than any other tool writes. */
const MOST_DECIMAL_BYTES = 64;

/** Throws where columns lie within columns so deep that nobody could walk through them. */
export function checkSchema({ schema }: FileMetaData): void {
  const open: number[] = [];
  for (const { num_children } of schema) {
    const parent = open.length - 1;
    if (parent >= 0) open[parent] = (open[parent] ?? 0) - 1;
    if (num_children !== undefined && num_children > 0) open.push(num_children);
    if (open.length > MOST_SCHEMA_LEVELS) throw new Error("its columns lie too deep");
    while (open.at(-1) === 0) open.pop();
  }
}

/** Why a column is nothing that a row can hold; null where it can be read. */
export function whyUnreadable(tree: SchemaTree): string | null {
  let node = tree;
  for (let level = 0; ; level++) {
    const { logical_type: logical, converted_type: converted, type } = node.element;
    const names = [logical?.type, converted].filter((name) => name !== undefined);
    const why = names.map((name) => unreadable.get(name)).find((reason) => reason !== undefined);
    if (why !== undefined) return why;
    if (level > MOST_LEVELS) return "its lists are too deep";
    const [child, ...others] = node.children;
    if (child === undefined) {
      if (type === "INT96") return times;
      const bytes = type === "FIXED_LEN_BYTE_ARRAY" ? (node.element.type_length ?? 0) : 0;
      const isLong = type === "BYTE_ARRAY" || bytes > MOST_DECIMAL_BYTES;
      return converted === "DECIMAL" && isLong ? "its numbers have too many digits" : null;
    }
    if (others.length > 0) return "it has columns in it: write each as a column of its own";
    node = child;
  }
}

const times = "it holds dates or times: write numbers";
const unreadable: ReadonlyMap<string, string> = new Map(
  Object.entries({
    DATE: times,
    TIMESTAMP: times,
    TIMESTAMP_MILLIS: times,
    TIMESTAMP_MICROS: times,
    INTERVAL: times,
    JSON: "it holds JSON: write numbers, texts or lists",
    BSON: "it holds BSON: write numbers, texts or lists",
    VARIANT: "it holds values of any type: write numbers, texts or lists",
    MAP: "it holds maps: write each key as a column of its own",
    MAP_KEY_VALUE: "it holds maps: write each key as a column of its own",
    GEOMETRY: "it holds shapes: write their numbers",
    GEOGRAPHY: "it holds shapes: write their numbers",
    FILE: "it holds files: write numbers, texts or lists",
  }),
);

/**
 * What a chunk's pages are read by.
 *
 * @throws where the schema has no such column, or another type for it
 */
export function pageColumn(
  tree: SchemaTree,
  { path_in_schema, type }: Pick<ColumnMetaData, "path_in_schema" | "type">,
): PageColumn {
  let node = tree;
  let [maxRepetition, maxDefinition] = [0, 0];
  for (const name of path_in_schema) {
    const child = node.children.find(({ element }) => element.name === name);
    if (child === undefined) throw new Error("a column is not in the schema");
    const { repetition_type: repetition } = child.element;
    if (repetition === "REPEATED") maxRepetition++;
    if (repetition !== "REQUIRED") maxDefinition++;
    node = child;
  }
  if (node.children.length > 0 || node.element.type !== type) throw new Error("a column is of several types");
  return { type, fixedBytes: node.element.type_length ?? 0, maxRepetition, maxDefinition };
}
