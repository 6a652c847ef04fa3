// What a column of a table holds, told from its values one by one, in bounded memory. Pure.
import { createHash } from "node:crypto";
import { numberOfValue } from "../../../shared/core/data/rowEncoder.ts";
import { MISSING, textOfValue } from "../values.ts";

/**
 * number: each is one · flag: each is true or false · category: texts, a few different ones · text: texts,
 * many different ones · list: lists of numbers, all of one size · other: lists of several sizes, or objects ·
 * empty: all are missing.
 */
export type ColumnKind = "number" | "flag" | "category" | "text" | "list" | "other" | "empty";

export interface ColumnProfile {
  readonly name: string;
  readonly kind: ColumnKind;
  readonly rows: number;
  readonly missing: number;
  /** Different values; null where there are more than are counted. */
  readonly distinct: number | null;
  /** Whether all numbers are whole; of numbers. */
  readonly isWhole: boolean;
  /** Whether some have leading zeros, or more digits than a number holds: codes, not amounts; of numbers. */
  readonly isCode: boolean;
  /** Whether no value comes twice, in many rows: a name or a number of rows, from which nothing is learnt. */
  readonly isKey: boolean;
  /** Numbers in each list; of lists. */
  readonly listSize: number | null;
  /** Of numbers. These and the others below are values: they are for their owner alone. */
  readonly range: readonly [min: number, max: number] | null;
  /** The different values with their rows, in order, where there are few. */
  readonly values: readonly { readonly value: string; readonly rows: number }[] | null;
}

/** Different values that are counted, and those that make a category. */
const [MOST_DISTINCT, MOST_CATEGORIES] = [1_000, 100];
/** In characters. */
const LONGEST_CATEGORY = 200;
const CODE = /^[+-]?0\d/;
/** In fewer rows it means nothing that no value comes twice. */
const LEAST_KEYED_ROWS = 20;

export class ColumnProfiler {
  readonly #name: string;
  readonly #missing: ReadonlySet<string>;
  #rows = 0;
  #missingRows = 0;
  #numbers = 0;
  #wholes = 0;
  #codes = 0;
  #flags = 0;
  #lists = 0;
  #others = 0;
  #listSize: number | null = null;
  #isLong = false;
  #min = Number.POSITIVE_INFINITY;
  #max = Number.NEGATIVE_INFINITY;
  #counts: Map<string, number> | null = new Map();

  constructor(name: string, missing: ReadonlySet<string> = MISSING) {
    this.#name = name;
    this.#missing = missing;
  }

  /** @param rows that came before, and had no such column */
  skip(rows: number): void {
    this.#rows += rows;
    this.#missingRows += rows;
  }

  add(value: unknown): void {
    this.#rows++;
    const text = textOfValue(value, this.#missing);
    if (text === null) {
      this.#missingRows++;
      return;
    }
    if (text === undefined) {
      this.#addList(value);
      return;
    }
    const number = numberOfValue(value);
    if (typeof value === "boolean" || /^(true|false)$/i.test(text)) this.#flags++;
    if (Number.isFinite(number)) {
      this.#numbers++;
      if (Number.isInteger(number)) this.#wholes++;
      if (CODE.test(text) || (Number.isInteger(number) && !Number.isSafeInteger(number))) this.#codes++;
      this.#min = Math.min(this.#min, number);
      this.#max = Math.max(this.#max, number);
    }
    if (text.length > LONGEST_CATEGORY) this.#isLong = true;
    if (this.#counts === null) return;
    const key = text.length > LONGEST_CATEGORY ? digestOf(text) : text;
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
    if (this.#counts.size > MOST_DISTINCT) this.#counts = null;
  }

  #addList(value: unknown): void {
    const size = sizeOfNumbers(value);
    // Of nothing no model learns anything.
    if (size === null || size === 0 || (this.#listSize ?? size) !== size) this.#others++;
    else {
      this.#listSize = size;
      this.#lists++;
    }
    this.#counts = null;
  }

  profile(): ColumnProfile {
    const there = this.#rows - this.#missingRows;
    const kind = this.#kind(there);
    const distinct = this.#counts?.size ?? null;
    const counted = kind === "list" || kind === "other" ? null : this.#counts;
    const isWhole = kind === "number" && this.#wholes === there;
    return {
      name: this.#name,
      kind,
      rows: this.#rows,
      missing: this.#missingRows,
      distinct,
      isWhole,
      isCode: kind === "number" && this.#codes > 0,
      isKey:
        there >= LEAST_KEYED_ROWS &&
        this.#isKeyed(there) &&
        (kind === "text" || kind === "category" || isWhole),
      listSize: kind === "list" ? this.#listSize : null,
      range: kind === "number" ? [this.#min, this.#max] : null,
      values:
        counted === null || kind === "text" || this.#isLong || counted.size > MOST_CATEGORIES
          ? null
          : [...counted]
              .map(([value, rows]) => ({ value, rows }))
              .toSorted((a, b) => (a.value < b.value ? -1 : 1)),
    };
  }

  #isKeyed(there: number): boolean {
    return this.#counts !== null && this.#counts.size === there;
  }

  #kind(there: number): ColumnKind {
    if (there === 0) return "empty";
    if (this.#lists === there) return "list";
    if (this.#lists + this.#others > 0) return "other";
    if (this.#flags === there) return "flag";
    if (this.#numbers === there) return "number";
    const isFew = this.#counts !== null && this.#counts.size <= MOST_CATEGORIES;
    return isFew && !this.#isLong ? "category" : "text";
  }
}

/** What stands for a long value where values are counted, so that memory does not grow with their lengths. */
function digestOf(text: string): string {
  return `sha256 ${createHash("sha256").update(text).digest("base64")}`;
}

/** How many numbers a list holds, lists within it included; null where it holds anything else. */
function sizeOfNumbers(value: unknown): number | null {
  if (ArrayBuffer.isView(value) && "length" in value) return Number(value.length);
  if (!Array.isArray(value)) return null;
  let size = 0;
  for (const item of value) {
    const inner = typeof item === "object" && item !== null ? sizeOfNumbers(item) : null;
    if (inner === null && !Number.isFinite(numberOfValue(item))) return null;
    size += inner ?? 1;
  }
  return size;
}
