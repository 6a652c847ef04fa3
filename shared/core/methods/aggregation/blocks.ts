// Aggregation over blocks of coordinates: all updates' values of one block at a time, so that memory is
// bounded whatever their number and size.
import { type FlatLayout, type FlatSegment, segmentsWithin } from "../../updates/flat.ts";
import type { BlocksAggregation } from "./aggregationMethod.ts";
import { GRAM_CHUNK, type Gram, GramSums } from "./gram.ts";
import type { Aggregate } from "./weightedSum.ts";

/**
 * The values of every update for coordinates `begin` to `end` of the row of a model's sent parameters, in the
 * order of the fold.
 */
export type ReadBlock = (begin: number, end: number) => Promise<readonly Float32Array[]>;

/** What the blocks of a fold are of. */
export interface Blocks {
  readonly layout: FlatLayout;
  /** Of each update: what the values of its trained parameters count times. */
  readonly scales: readonly number[];
  /** Coordinates a block, a multiple of `GRAM_CHUNK`. */
  readonly length: number;
  readonly read: ReadBlock;
}

/** The longest block of `updates` updates that fits into a budget, `GRAM_CHUNK` at the least. */
export function blockLength(updates: number, budgetBytes: number): number {
  const fitting = Math.floor(budgetBytes / (updates * Float32Array.BYTES_PER_ELEMENT * GRAM_CHUNK));
  return Math.max(1, fitting) * GRAM_CHUNK;
}

/** Of the deltas of trained parameters. The same for any length of blocks. */
export async function gramOf(blocks: Blocks): Promise<Gram> {
  const gram = new GramSums(blocks.scales.length);
  for (const [begin, end] of ranges(blocks)) {
    const rows = await blocks.read(begin, end);
    for (let start = begin; start < end; start += GRAM_CHUNK) {
      for (const part of segmentsWithin(blocks.layout, start, Math.min(end, start + GRAM_CHUNK))) {
        if (part.segment.role !== "trained") continue;
        gram.add(rows, blocks.scales, part.begin - begin, part.end - begin);
      }
    }
  }
  return gram;
}

/** What the method makes of each coordinate: 8 bytes a parameter. */
export async function combineBlocks<Options>(
  method: BlocksAggregation<Options>,
  options: Options,
  blocks: Blocks,
): Promise<Aggregate> {
  const whole = new Float64Array(blocks.layout.count);
  for (const [begin, end] of ranges(blocks)) {
    const rows = scaled(await blocks.read(begin, end), blocks, begin, end);
    method.combine(rows, options, whole.subarray(begin, end));
  }
  return { of: ({ start, length }: FlatSegment) => whole.subarray(start, start + length) };
}

function* ranges({ layout, length }: Blocks): Generator<readonly [number, number]> {
  for (let begin = 0; begin < layout.count; begin += length) {
    yield [begin, Math.min(layout.count, begin + length)];
  }
}

/** The rows, those of clipped updates as copies. */
function scaled(
  rows: readonly Float32Array[],
  { layout, scales }: Blocks,
  begin: number,
  end: number,
): readonly Float32Array[] {
  return rows.map((row, i) => {
    const scale = scales[i] ?? 1;
    if (scale === 1) return row;
    const copy = row.slice();
    for (const part of segmentsWithin(layout, begin, end)) {
      if (part.segment.role !== "trained") continue;
      for (let k = part.begin - begin; k < part.end - begin; k++) copy[k] = scale * (copy[k] ?? 0);
    }
    return copy;
  });
}
