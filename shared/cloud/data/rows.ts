// What every reader gives: the rows of a data set as float32 values, piece by piece, in one order.
import type { ReadValue, RowEncoder } from "../../core/data/rowEncoder.ts";
import type { RowTally, RowVerdict } from "../../core/data/tally.ts";
import type { RowFault } from "../../core/schemas/dataFacts.ts";
import { elementCount } from "../../core/updates/safetensors.ts";

/** Rows that were read, those that cannot be used left out. */
export interface Rows {
  readonly count: number;
  /** `count` times the values of one row. */
  readonly x: Float32Array;
  readonly y: Float32Array;
}

export interface Piece {
  readonly rows: Rows;
  /** Reads the same rows again; null where only the whole file can be read. */
  readonly again: (() => Promise<Rows>) | null;
}

/** A data set as a reader opens it. */
export interface RowSource {
  /** Of one row. */
  readonly inputShape: readonly number[];
  readonly targetShape: readonly number[];
  /** How many rows there are, where that is known before they are read. */
  readonly samples: number | null;
  /** Of rows that may be unusable; 0 where none can be. */
  readonly maxRefusedShare: number;
  /**
   * All rows, once, each counted by `tally`. Takes the memory of a piece.
   *
   * @throws FlError, naming the file and quoting nothing of it
   */
  pieces(tally: RowTally): AsyncIterable<Piece>;
}

/** Rows of a table as they are written, before a features file says what becomes of them. */
export interface RawRows {
  /** The columns of these rows; of JSON Lines, those that have come up so far. */
  readonly names: readonly string[];
  /** Each with a value a column, undefined where it has none; or why it cannot be read. To be read once. */
  readonly rows: Iterable<readonly unknown[] | RowFault>;
  /** The rows' own text, where a row is a line. */
  readonly lines?: readonly string[];
}

/** Values of one piece as float32: of few large rows, or of many small ones. */
const PIECE_BYTES = 2 ** 23;

/** How many rows a piece may have, at the most `most` and one at the least. */
export function rowsOfPiece(rowBytes: number, most: number): number {
  return Math.max(1, Math.min(most, Math.floor(PIECE_BYTES / Math.max(1, rowBytes))));
}

/** Of one row and its label as float32. */
export function rowBytesOf({
  inputShape,
  targetShape,
}: Pick<RowSource, "inputShape" | "targetShape">): number {
  return (elementCount(inputShape) + elementCount(targetShape)) * Float32Array.BYTES_PER_ELEMENT;
}

/** Collects rows one by one, in memory that grows with them. */
export class RowBuilder {
  readonly #encoder: RowEncoder;
  readonly #tally: RowTally;
  readonly #sizes: { readonly x: number; readonly y: number };
  #x: Float32Array;
  #y: Float32Array;
  #count = 0;

  /** @param expected rows, for which there is room from the start. */
  constructor(encoder: RowEncoder, tally: RowTally, expected = rowsOfPiece(rowBytesOf(encoder), 256)) {
    this.#encoder = encoder;
    this.#tally = tally;
    this.#sizes = { x: elementCount(encoder.inputShape), y: elementCount(encoder.targetShape) };
    this.#x = new Float32Array(expected * this.#sizes.x);
    this.#y = new Float32Array(expected * this.#sizes.y);
  }

  add(read: ReadValue): void {
    const { x, y } = this.#sizes;
    if ((this.#count + 1) * y > this.#y.length || (this.#count + 1) * x > this.#x.length) {
      this.#x = larger(this.#x, x);
      this.#y = larger(this.#y, y);
    }
    const verdict = this.#encoder.encode(read, this.#x, this.#count * x, this.#y, this.#count * y);
    if (this.#tally.count(verdict) === null) this.#count++;
  }

  /** Counts a row that could not even be read. */
  refuse(verdict: RowVerdict): void {
    this.#tally.count(verdict);
  }

  rows(): Rows {
    const { x, y } = this.#sizes;
    const count = this.#count;
    return { count, x: this.#x.slice(0, count * x), y: this.#y.slice(0, count * y) };
  }
}

function larger(values: Float32Array, rowSize: number): Float32Array {
  const grown = new Float32Array(Math.max(values.length * 2, rowSize));
  grown.set(values);
  return grown;
}
