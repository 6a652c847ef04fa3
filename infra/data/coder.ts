// Texts as numbers: the classes of a column, or its groups, in an order that does not depend on the rows'.
import { FlError } from "../../shared/core/errors.ts";
import type { Labels } from "./partition/parts.ts";

export interface Coded {
  /** Of every row the place of its value in `values`; NaN where it has none. */
  readonly codes: Labels;
  readonly values: readonly string[];
}

/** Rows that there is room for from the start; it doubles as they come. */
const FIRST_ROWS = 1_024;
const NONE = 2 ** 32 - 1;

/** Takes four bytes a row, and each value once. */
export class Coder {
  readonly #most: number;
  readonly #tooMany: (most: number) => string;
  readonly #numbers = new Map<string, number>();
  #codes = new Uint32Array(FIRST_ROWS);
  #count = 0;

  /**
   * @param most different values
   * @param tooMany what is said where there are more
   */
  constructor(most: number, tooMany: (most: number) => string) {
    this.#most = most;
    this.#tooMany = tooMany;
  }

  /** @throws FlError("invalid-argument") where there are too many different values */
  add(value: string | null): void {
    if (this.#count === this.#codes.length) {
      const grown = new Uint32Array(2 * this.#codes.length);
      grown.set(this.#codes);
      this.#codes = grown;
    }
    this.#codes[this.#count++] = value === null ? NONE : this.#numberOf(value);
  }

  #numberOf(value: string): number {
    const known = this.#numbers.get(value);
    if (known !== undefined) return known;
    if (this.#numbers.size === this.#most)
      throw new FlError("invalid-argument", `${this.#tooMany(this.#most)}.`);
    this.#numbers.set(value, this.#numbers.size);
    return this.#numbers.size - 1;
  }

  coded(): Coded {
    const values = [...this.#numbers.keys()].toSorted(inOrder);
    const places = new Uint32Array(values.length);
    for (const [place, value] of values.entries()) places[this.#numbers.get(value) ?? 0] = place;
    const codes = new Float64Array(this.#count);
    for (let row = 0; row < this.#count; row++) {
      const code = this.#codes[row] ?? NONE;
      codes[row] = code === NONE ? Number.NaN : (places[code] ?? Number.NaN);
    }
    return { codes, values };
  }
}

/** Numbers by size and before texts, texts by their characters. */
function inOrder(a: string, b: string): number {
  const [x, y] = [numberOf(a), numberOf(b)];
  if (!Number.isNaN(x) && !Number.isNaN(y) && x !== y) return x - y;
  if (Number.isNaN(x) !== Number.isNaN(y)) return Number.isNaN(x) ? 1 : -1;
  return a < b ? -1 : a > b ? 1 : 0;
}

function numberOf(text: string): number {
  return text.trim() === "" ? Number.NaN : Number(text);
}
