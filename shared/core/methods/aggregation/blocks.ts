// Aggregation over blocks of coordinates: all updates' values of one block at a time, so that memory is
// bounded whatever their number and size.
import { type FlatLayout, type FlatSegment, segmentsWithin } from "../../updates/flat.ts";
import type { Weights } from "../../updates/weights.ts";
import type { BlocksAggregation, PassesAggregation } from "./aggregationMethod.ts";
import { GRAM_CHUNK, type Gram, GramSums } from "./gram.ts";
import { type Mixing, mixedRows } from "./mixing.ts";
import { stateName, stateNames } from "./serverState.ts";
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
  mixing: Mixing | null,
): Promise<Aggregate> {
  const whole = new Float64Array(blocks.layout.count);
  for (const [begin, end] of ranges(blocks)) {
    method.combine(await seen(blocks, mixing, begin, end), options, whole.subarray(begin, end));
  }
  return aggregateOf(whole);
}

/**
 * What the method makes of all its passes: 8 bytes a parameter, beside what it holds itself.
 *
 * @param state what is kept of each parameter, by `stateName`; it is changed in place.
 */
export async function runPasses<Options>(
  method: PassesAggregation<Options>,
  options: Options,
  blocks: Blocks,
  mixing: Mixing | null,
  state: Weights,
): Promise<Aggregate> {
  const { layout } = blocks;
  const whole = new Float64Array(layout.count);
  const kept = new Map(state.map(({ name, values }) => [name, values]));
  const names = method.server === undefined ? [] : stateNames(method.server, options);
  const passes = {
    layout,
    count: mixing?.length ?? blocks.scales.length,
    pass: async (use: Parameters<Parameters<typeof method.aggregate>[0]["pass"]>[0]) => {
      for (const [begin, end] of ranges(blocks)) {
        const rows = await seen(blocks, mixing, begin, end);
        const slices = names.map((name) => [name, new Float32Array(end - begin)] as const);
        const parts = slices.flatMap(([name, slice]) =>
          segmentsWithin(layout, begin, end).flatMap((part) => {
            const values = kept.get(stateName(name, part.segment.name));
            const from = part.begin - part.segment.start;
            const there = values?.subarray(from, from + part.end - part.begin);
            return there === undefined
              ? []
              : [{ there, here: slice.subarray(part.begin - begin, part.end - begin) }];
          }),
        );
        for (const { there, here } of parts) here.set(there);
        use({ begin, end, rows, state: Object.fromEntries(slices) });
        for (const { there, here } of parts) there.set(here);
      }
    },
  };
  await method.aggregate(passes, options, whole);
  return aggregateOf(whole);
}

function aggregateOf(whole: Float64Array): Aggregate {
  return { of: ({ start, length }: FlatSegment) => whole.subarray(start, start + length) };
}

/** The rows as a rule sees them. */
async function seen(
  blocks: Blocks,
  mixing: Mixing | null,
  begin: number,
  end: number,
): Promise<readonly Float32Array[]> {
  const rows = scaled(await blocks.read(begin, end), blocks, begin, end);
  return mixing === null ? rows : mixedRows(rows, mixing);
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
