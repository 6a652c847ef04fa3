// All rows of a data set in memory where they fit, or else as a stream that reads them again.
import { checkRefused, RowTally } from "../../core/data/tally.ts";
import { FlError } from "../../core/errors.ts";
import type { DataStream, Dataset } from "../../core/ports/trainer.ts";
import { elementCount } from "../../core/updates/safetensors.ts";
import { dataStream, type StreamPiece } from "./dataStream.ts";
import { type RowSource, type Rows, rowBytesOf } from "./rows.ts";

export interface Room {
  /** For the values of all rows as float32. */
  readonly bytes: number;
  /** Whether what does not fit may be read again and again. */
  readonly mayStream: boolean;
}

/** As many as the losses before and after are measured on, where they fit into half of the room. */
const FIRST_SAMPLES = 128;

/**
 * Reads everything once.
 *
 * @param where the address, for messages
 * @throws FlError("invalid-argument") where no row can be used, or too many cannot; FlError("too-large") for
 *   what neither fits nor can be read again
 */
export async function collect(source: RowSource, where: string, room: Room): Promise<Dataset | DataStream> {
  const tally = new RowTally();
  const sizes = { x: elementCount(source.inputShape), y: elementCount(source.targetShape) };
  const rowBytes = rowBytesOf(source);
  if (rowBytes > room.bytes) throw rowTooLarge(where, room, rowBytes);
  const { samples } = source;
  // Where the number of rows is not known before, they are copied together at the end.
  const mostRows = Math.floor((samples === null ? room.bytes / 2 : room.bytes) / rowBytes);
  let kept: RowStore | null = samples !== null && samples > mostRows ? null : new RowStore(samples, sizes);
  const first = new RowStore(
    Math.min(FIRST_SAMPLES, Math.max(1, Math.floor(room.bytes / 2 / rowBytes))),
    sizes,
  );
  let pieces: StreamPiece[] | null = room.mayStream ? [] : null;
  let count = 0;
  for await (const { rows, again } of source.pieces(tally)) {
    if (rows.count === 0) continue;
    count += rows.count;
    first.push(rows);
    if (again === null) pieces = null;
    pieces?.push({ count: rows.count, again: again ?? (async () => rows) });
    if (count > mostRows) kept = null;
    kept?.push(rows);
    if (kept === null && pieces === null) throw tooLarge(where, room, rowBytes, samples);
  }
  const facts = tally.facts();
  checkRefused(facts, source.maxRefusedShare, where);
  const datasetOf = (rows: Rows): Dataset => ({
    x: { shape: [rows.count, ...source.inputShape], values: rows.x },
    y: { shape: [rows.count, ...source.targetShape], values: rows.y },
  });
  if (kept !== null) return { facts, ...datasetOf(kept.rows()) };
  return {
    facts,
    ...dataStream({
      inputShape: source.inputShape,
      targetShape: source.targetShape,
      samples: count,
      first: datasetOf(first.rows()),
      pieces: pieces ?? [],
    }),
  };
}

/** Rows one after the other: in place where their number is known, else put together at the end. */
class RowStore {
  readonly #sizes: { readonly x: number; readonly y: number };
  readonly #most: number;
  readonly #fixed: { readonly x: Float32Array; readonly y: Float32Array } | null;
  readonly #parts: Rows[] = [];
  #count = 0;

  /** @param most rows, of which no more are kept; null for any number */
  constructor(most: number | null, sizes: { readonly x: number; readonly y: number }) {
    this.#sizes = sizes;
    this.#most = most ?? Number.POSITIVE_INFINITY;
    this.#fixed =
      most === null ? null : { x: new Float32Array(most * sizes.x), y: new Float32Array(most * sizes.y) };
  }

  push(rows: Rows): void {
    const count = Math.min(rows.count, this.#most - this.#count);
    if (count <= 0) return;
    if (this.#fixed === null) this.#parts.push(rows);
    else put(rows, count, this.#count, this.#fixed, this.#sizes);
    this.#count += count;
  }

  rows(): Rows {
    const count = this.#count;
    const { x, y } = this.#sizes;
    if (this.#fixed !== null) {
      const { x: ofX, y: ofY } = this.#fixed;
      return { count, x: ofX.subarray(0, count * x), y: ofY.subarray(0, count * y) };
    }
    const whole = { x: new Float32Array(count * x), y: new Float32Array(count * y) };
    let at = 0;
    for (const part of this.#parts) {
      put(part, part.count, at, whole, this.#sizes);
      at += part.count;
    }
    return { count, ...whole };
  }
}

function put(
  from: Rows,
  count: number,
  at: number,
  to: { readonly x: Float32Array; readonly y: Float32Array },
  { x, y }: { readonly x: number; readonly y: number },
): void {
  to.x.set(from.x.subarray(0, count * x), at * x);
  to.y.set(from.y.subarray(0, count * y), at * y);
}

function rowTooLarge(where: string, room: Room, rowBytes: number): FlError {
  const what = `takes ${rowBytes} bytes as float32, and this function has room for ${Math.floor(room.bytes)}`;
  return new FlError(
    "too-large",
    `One sample of the data set at ${where} ${what}: make samples smaller (a category as a number, for an Embedding layer), or give the function more memory.`,
    { reason: "data-too-large", told: `One sample of the data set ${what}.` },
  );
}

function tooLarge(where: string, room: Room, rowBytes: number, samples: number | null): FlError {
  const mib = (bytes: number) => Math.ceil(bytes / 2 ** 20);
  const size = samples === null ? "too much memory" : `${mib(samples * rowBytes)} MiB`;
  const remedy = room.mayStream
    ? "decompress it (and write .npy instead of .npz) so that it can be read in parts, or give the function more memory"
    : "give the function more memory, or write fewer samples";
  return new FlError(
    "too-large",
    `The data set at ${where} takes ${size} as float32, and this function has room for ${mib(room.bytes)} MiB: ${remedy}.`,
  );
}
