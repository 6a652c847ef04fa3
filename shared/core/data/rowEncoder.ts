// Rows of named values as the float32 values of a sample and its label, by a features file.
import { FlError, type Problem } from "../errors.ts";
import type { RowFault } from "../schemas/dataFacts.ts";
import { elementCount } from "../updates/safetensors.ts";
import type { Column, TableFeatures } from "./features.ts";
import type { RowVerdict } from "./tally.ts";
import { tokenizer } from "./tokens.ts";

/** A table's rows as its reader has them: the value of the column at a place, null or undefined if none. */
export type ReadValue = (column: number) => unknown;

export interface RowEncoder {
  /** Of one row, without the number of rows. */
  readonly inputShape: readonly number[];
  readonly targetShape: readonly number[];
  /** Places of the columns that are read, without repetition, in ascending order. */
  readonly columns: readonly number[];
  /**
   * Writes one row at `xAt` and `yAt`; what is there is of no use where the verdict is not null. Never throws
   * for a value.
   */
  encode(read: ReadValue, x: Float32Array, xAt: number, y: Float32Array, yAt: number): RowVerdict;
}

/** Writes one value, or several, and says what is wrong with it. */
type Write = (value: unknown, to: Float32Array, at: number) => RowVerdict;

interface Part {
  readonly place: number;
  readonly size: number;
  readonly write: Write;
}

const LARGEST_FLOAT = 3.4028234663852886e38;

/**
 * @param names the table's columns, in their order.
 * @throws FlError("invalid-argument") that lists every column which the table lacks or has twice, and a shape
 *   that does not fit. It names what the features file says, nothing of the table.
 */
export function rowEncoder(features: TableFeatures, names: readonly string[]): RowEncoder {
  const problems: Problem[] = [];
  const missing = new Set(features.missingValues);
  const partsOf = (columns: readonly Column[], role: "inputs" | "target") =>
    columns.flatMap((column, i): Part[] => {
      const places = placesOf(column.column, names);
      const path = `${role}.${i}`;
      if (places.length === 0) problems.push({ path, message: `there is no column ${quote(column.column)}` });
      if (places.length > 1 && !column.column.includes("*")) {
        problems.push({ path, message: `there are ${places.length} columns ${quote(column.column)}` });
      }
      return places.map((place) => ({ place, ...writerOf(column, role, missing) }));
    });
  const inputs = partsOf(features.inputs, "inputs");
  const target = partsOf(features.target, "target");
  const [inputSize, targetSize] = [sizeOf(inputs), sizeOf(target)];
  const inputShape = features.shape ?? [inputSize];
  if (problems.length === 0 && elementCount(inputShape) !== inputSize) {
    problems.push({
      path: "shape",
      message: `[${inputShape.join(", ")}] takes ${elementCount(inputShape)} values, and the inputs have ${inputSize}`,
    });
  }
  if (problems.length > 0) {
    const list = problems.map(({ path, message }) => `${path}: ${message}`).join("; ");
    throw new FlError("invalid-argument", `The features file does not fit the table's columns: ${list}.`, {
      problems,
    });
  }
  const isScalar = target.length === 1 && targetSize === 1;
  return {
    inputShape,
    targetShape: isScalar ? [] : [targetSize],
    columns: [...new Set([...inputs, ...target].map(({ place }) => place))].toSorted((a, b) => a - b),
    encode: (read, x, xAt, y, yAt) => worst(writeAll(inputs, read, x, xAt), writeAll(target, read, y, yAt)),
  };
}

/** A fault counts before a row that is dropped on purpose: the owner is to learn of it. */
function worst(a: RowVerdict, b: RowVerdict): RowVerdict {
  if (a === null || (a === "dropped" && b !== null)) return b;
  return a;
}

function writeAll(parts: readonly Part[], read: ReadValue, to: Float32Array, start: number): RowVerdict {
  let verdict: RowVerdict = null;
  let at = start;
  for (const { place, size, write } of parts) {
    const found = write(read(place), to, at);
    if (found !== null && found !== "dropped") return found;
    verdict ??= found;
    at += size;
  }
  return verdict;
}

function sizeOf(parts: readonly Part[]): number {
  return parts.reduce((sum, { size }) => sum + size, 0);
}

/** The places of a name, or of all names that a pattern with `*` fits. */
function placesOf(wanted: string, names: readonly string[]): readonly number[] {
  const fits = wanted.includes("*") ? patternOf(wanted) : (name: string) => name === wanted;
  return names.flatMap((name, place) => (fits(name) ? [place] : []));
}

/** Without regular expressions, whose time may grow exponentially with the number of stars. */
function patternOf(pattern: string): (name: string) => boolean {
  const parts = pattern.split("*");
  const [first = "", last = ""] = [parts[0], parts.at(-1)];
  return (name) => {
    if (name.length < first.length + last.length) return false;
    if (!name.startsWith(first) || !name.endsWith(last)) return false;
    let at = first.length;
    for (const part of parts.slice(1, -1)) {
      const found = name.indexOf(part, at);
      if (found === -1) return false;
      at = found + part.length;
    }
    return at <= name.length - last.length;
  };
}

function writerOf(
  column: Column,
  role: "inputs" | "target",
  missing: ReadonlySet<string>,
): Pick<Part, "size" | "write"> {
  switch (column.type) {
    case "number":
      return { size: 1, write: numberWriter(column, missing) };
    case "category":
      return categoryWriter(column, column.encode ?? (role === "inputs" ? "one-hot" : "number"), missing);
    case "numbers":
      return { size: column.size, write: numbersWriter(column) };
    case "text": {
      const tokens = tokenizer(column);
      const { length } = column;
      const write: Write = (value, to, at) => {
        if (isMissing(value, missing)) return "missing-value";
        if (typeof value !== "string") return "not-in-vocabulary";
        const found = tokens(value, length);
        for (let i = 0; i < length; i++) to[at + i] = found[i] ?? 0;
        return null;
      };
      return { size: length, write };
    }
  }
}

function numberWriter(column: Extract<Column, { type: "number" }>, missing: ReadonlySet<string>): Write {
  const { offset, divisor } = linearOf("scale" in column ? column.scale : undefined);
  const classes = "classes" in column ? column.classes : undefined;
  return (value, to, at) => {
    let number: number;
    if (isMissing(value, missing)) {
      if (column.missing === "refuse") return "missing-value";
      if (column.missing === "drop") return "dropped";
      number = column.missing;
    } else number = numberOfValue(value);
    const scaled = (number - offset) / divisor;
    // Not so for NaN, either.
    if (!(Math.abs(scaled) <= LARGEST_FLOAT)) return "not-a-number";
    if (classes !== undefined && !(Number.isInteger(number) && number >= 0 && number < classes)) {
      return "not-a-class";
    }
    to[at] = scaled;
    return null;
  };
}

function categoryWriter(
  { vocabulary, other }: Extract<Column, { type: "category" }>,
  encode: "one-hot" | "number",
  missing: ReadonlySet<string>,
): Pick<Part, "size" | "write"> {
  const numbers = new Map(vocabulary.map((word, i) => [word, i]));
  const values = vocabulary.length + (other === "class" ? 1 : 0);
  const numberIn = (value: unknown): number | Exclude<RowVerdict, null> => {
    const word = textOf(value);
    const known = word === undefined ? undefined : numbers.get(word);
    if (known !== undefined) return known;
    if (other === "class") return vocabulary.length;
    if (other === "drop") return "dropped";
    return isMissing(value, missing) ? "missing-value" : "not-in-vocabulary";
  };
  const write: Write = (value, to, at) => {
    const number = numberIn(value);
    if (typeof number !== "number") return number;
    if (encode === "number") to[at] = number;
    else {
      to.fill(0, at, at + values);
      to[at + number] = 1;
    }
    return null;
  };
  return { size: encode === "number" ? 1 : values, write };
}

function numbersWriter({ size, scale }: Extract<Column, { type: "numbers" }>): Write {
  const { offset, divisor } = linearOf(scale);
  return (value, to, at) => {
    if (value === null || value === undefined) return "missing-value";
    let next = at;
    /** By hand and not by `flat`, so that a list which is too long or too deep costs nothing. */
    const put = (item: unknown, depth: number): RowFault | null => {
      if (Array.isArray(item) || (ArrayBuffer.isView(item) && "length" in item)) {
        if (depth === 0) return "wrong-size";
        const list = item as ArrayLike<unknown>;
        for (let i = 0; i < list.length; i++) {
          const fault = put(list[i], depth - 1);
          if (fault !== null) return fault;
        }
        return null;
      }
      if (next === at + size) return "wrong-size";
      if (item === null || item === undefined) return "missing-value";
      const scaled = (numberOfValue(item) - offset) / divisor;
      if (!(Math.abs(scaled) <= LARGEST_FLOAT)) return "not-a-number";
      to[next++] = scaled;
      return null;
    };
    if (typeof value !== "object") return "wrong-size";
    return put(value, MAX_DEPTH) ?? (next === at + size ? null : "wrong-size");
  };
}

const MAX_DEPTH = 8;

function isMissing(value: unknown, missing: ReadonlySet<string>): boolean {
  // NaN is how pandas and numpy write it.
  if (value === null || value === undefined || Number.isNaN(value)) return true;
  return typeof value === "string" && (value.trim() === "" || missing.has(value.trim()));
}

/** The number that a value of a table is; NaN where it is none. */
export function numberOfValue(value: unknown): number {
  if (typeof value === "number") return value;
  if (typeof value === "string") return numberIn(value);
  if (typeof value === "bigint") return Number(value);
  if (typeof value === "boolean") return value ? 1 : 0;
  return Number.NaN;
}

const LETTERS_OF_OTHER_BASES = /[xob]/i;

/** In decimal, with a point; `Number` reads "0x10" and "Infinity" as well. */
function numberIn(text: string): number {
  const number = Number(text);
  if (number === 0 || Number.isNaN(number)) {
    if (number === 0 && !LETTERS_OF_OTHER_BASES.test(text)) return number;
    // As JSON and Python write them.
    if (text === "true" || text === "True") return 1;
    return text === "false" || text === "False" ? 0 : Number.NaN;
  }
  return text.length > 2 && LETTERS_OF_OTHER_BASES.test(text) ? Number.NaN : number;
}

function textOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "bigint" || typeof value === "boolean")
    return String(value);
  return undefined;
}

interface Linear {
  readonly offset: number;
  readonly divisor: number;
}

/** A value is `(value - offset) / divisor` afterwards. */
function linearOf(scale: Extract<Column, { type: "numbers" }>["scale"]): Linear {
  if (scale === undefined) return { offset: 0, divisor: 1 };
  if ("min" in scale) return { offset: scale.min, divisor: scale.max - scale.min };
  if ("mean" in scale) return { offset: scale.mean, divisor: scale.deviation };
  return { offset: 0, divisor: scale.divisor };
}

function quote(name: string): string {
  return JSON.stringify(name.length > 80 ? `${name.slice(0, 80)}...` : name);
}
