// JSON Lines: one JSON object a line, the columns by their keys.
import type { TableFeatures } from "../../core/data/features.ts";
import { rowEncoder } from "../../core/data/rowEncoder.ts";
import { RowTally } from "../../core/data/tally.ts";
import { badFile, bytesOf, type DataFile, isCompressed } from "./files.ts";
import { blockBytesFor, blocksOf, type Cut, cutLines } from "./lines.ts";
import {
  type Piece,
  type RawRows,
  RowBuilder,
  type RowSource,
  type Rows,
  rowBytesOf,
  rowsOfPiece,
} from "./rows.ts";
import { textOf } from "./textContent.ts";

type Line = Readonly<Record<string, unknown>> | "bad-syntax" | "too-long";

const BOM = "\ufeff";

/** From here on a line is looked at before it is parsed: a value may take many times its text. */
const LONG_LINE = 2 ** 16;
const MAX_DEPTH = 64;
/** As many as a column of numbers may have, and some more. */
const MAX_VALUES = 1_100_000;

/** @throws FlError("invalid-argument") where the columns are not those of the features file. */
export async function openJsonLines(files: readonly DataFile[], features: TableFeatures): Promise<RowSource> {
  const names = await columnNames(files, features);
  const encoder = rowEncoder(features, names);
  const { inputShape, targetShape } = encoder;
  const rowBytes = rowBytesOf(encoder);
  const blockBytes = blockBytesFor(rowBytes, await startOf(files));

  const rowsIn = (lines: readonly Line[], tally: RowTally): Rows => {
    const builder = new RowBuilder(encoder, tally, rowsOfPiece(rowBytes, lines.length));
    let row: Readonly<Record<string, unknown>> = {};
    const read = (column: number): unknown => {
      const name = names[column] ?? "";
      return Object.hasOwn(row, name) ? row[name] : undefined;
    };
    for (const line of lines) {
      if (typeof line === "string") builder.refuse(line);
      else {
        row = line;
        builder.add(read);
      }
    }
    return builder.rows();
  };

  return {
    inputShape,
    targetShape,
    samples: null,
    maxRefusedShare: features.maxRefusedShare,
    async *pieces(tally) {
      for (const file of files) {
        for await (const { records, begin, end } of blocksOf(
          textOf(file),
          cutObjects,
          ["too-long"],
          blockBytes,
        )) {
          const isTooLong = records[0] === "too-long";
          const again = async () => {
            const lines = isTooLong ? [] : cutObjects(await bytesOf(file, { begin, end }), true).records;
            return rowsIn(lines, new RowTally());
          };
          const piece: Piece = { rows: rowsIn(records, tally), again: isCompressed(file) ? null : again };
          yield piece;
        }
      }
    },
  };
}

/** Keys beyond as many are no columns: a table that is written as one object has a key a row. */
const MAX_COLUMNS = 100_000;

/**
 * A file's rows by their keys, a block of them at a time.
 *
 * @throws FlError("invalid-argument") where there are more keys than a table has columns
 */
export async function* jsonRows(file: DataFile): AsyncGenerator<RawRows> {
  const places = new Map<string, number>();
  for await (const { records: lines } of blocksOf(textOf(file), cutLines, [TOO_LONG])) {
    const objects = lines.map((line) => (line === TOO_LONG ? "too-long" : objectIn(line)));
    for (const object of objects) {
      if (typeof object === "string") continue;
      for (const key of Object.keys(object)) if (!places.has(key)) places.set(key, places.size);
      if (places.size > MAX_COLUMNS) throw badFile(file, `its rows have more than ${MAX_COLUMNS} keys`);
    }
    const names = [...places.keys()];
    const rows = objects.map((object) =>
      typeof object === "string"
        ? object
        : names.map((name) => (Object.hasOwn(object, name) ? object[name] : undefined)),
    );
    yield { names, rows, lines };
  }
}

/** Stands for a line that is too long to be read: no line holds the end of one. */
const TOO_LONG = "\n";

/** How much text the first rows take. */
async function startOf(
  files: readonly DataFile[],
): Promise<{ readonly bytes: number; readonly rows: number }> {
  for (const file of files) {
    for await (const { records, begin, end } of blocksOf(textOf(file), cutLines, [])) {
      return { bytes: end - begin, rows: records.length };
    }
  }
  return { bytes: 1, rows: 1 };
}

/** Those that the features file names; where it has a pattern, the keys of the first object. */
async function columnNames(
  files: readonly DataFile[],
  { inputs, target }: TableFeatures,
): Promise<readonly string[]> {
  const named = [...new Set([...inputs, ...target].map(({ column }) => column))];
  if (!named.some((name) => name.includes("*"))) return named;
  for (const file of files) {
    for await (const { records } of blocksOf(textOf(file), cutObjects, ["too-long"])) {
      const first = records.find((line) => typeof line !== "string");
      if (first !== undefined) return Object.keys(first);
    }
  }
  return named;
}

function cutObjects(block: Buffer, isLast: boolean): Cut<readonly Line[]> {
  const { records, usedBytes } = cutLines(block, isLast);
  return { records: records.map(objectIn), usedBytes };
}

function objectIn(line: string): Line {
  if (line.length > LONG_LINE && isOverloaded(line)) return "too-long";
  try {
    const value: unknown = JSON.parse(line.startsWith(BOM) ? line.slice(1) : line);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : "bad-syntax";
  } catch {
    return "bad-syntax";
  }
}

/** Whether a line has more values, or deeper ones, than any row. */
function isOverloaded(line: string): boolean {
  let [depth, values, isText] = [0, 0, false];
  for (let i = 0; i < line.length; i++) {
    const code = line.charCodeAt(i);
    if (isText) {
      if (code === BACKSLASH) i++;
      else if (code === QUOTE) isText = false;
    } else if (code === QUOTE) isText = true;
    else if (code === COMMA) values++;
    else if (code === OPEN_LIST || code === OPEN_OBJECT) {
      values++;
      if (++depth > MAX_DEPTH) return true;
    } else if (code === CLOSE_LIST || code === CLOSE_OBJECT) depth--;
    if (values > MAX_VALUES) return true;
  }
  return false;
}

const [QUOTE, COMMA, BACKSLASH] = [34, 44, 92];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [91, 93, 123, 125];
