// Block geometric median descent (Acharya et al. 2022, algorithm 1): the geometric median of the updates in a
// block of coordinates, with a memory m of what the others say. The memory is of medians, because one of
// means would keep an attack.
import { segmentsWithin } from "../../../updates/flat.ts";
import type { PassBlock, Passes, PassesAggregation } from "../aggregationMethod.ts";
import { medianWeights } from "../geometric-median/index.ts";
import { GRAM_CHUNK, type Gram, GramSums } from "../gram.ts";
import { leastOfMedian, robustBehaviour } from "../robust.ts";
import { sortedColumns } from "../sortedColumns.ts";
import type { BgmdOptions } from "./face.ts";

/** Of Weiszfeld's algorithm, as those of `geometric-median` are by default. */
const MEDIAN = { iterations: 100, tolerance: 1e-6, smoothing: 1e-6 };

const none = new Float32Array();

export const behaviour: PassesAggregation<BgmdOptions> = {
  access: "passes",
  elementwise: false,
  server: { state: ["memory"] },
  ...robustBehaviour(leastOfMedian),
  /**
   * In the block: m + the geometric median, and m ← 0. Elsewhere nothing, and m ← m + the median. Statistics
   * are medians in every round.
   */
  async aggregate(passes, { share, paperFaithful }, into) {
    const scores = new Float32Array(passes.layout.count);
    const survey = paperFaithful ? means : medians;
    await passes.pass((block) =>
      survey(block, into.subarray(block.begin, block.end), scores.subarray(block.begin, block.end)),
    );
    const isChosen = blockOf(scores, passes.layout, share);
    const gram = await gramOfBlock(passes, isChosen);
    const equal = Array.from({ length: passes.count }, () => 1 / passes.count);
    const weights = medianWeights(gram, equal, MEDIAN);
    await passes.pass((block) => {
      const memory = block.state["memory"] ?? none;
      forTrained(passes, block, (k) => {
        const [at, kept] = [k - block.begin, memory[k - block.begin] ?? 0];
        if (isChosen[k] === 1) {
          into[k] = kept + weights.reduce((sum, weight, i) => sum + weight * (block.rows[i]?.[at] ?? 0), 0);
          memory[at] = 0;
        } else {
          memory[at] = kept + (into[k] ?? 0);
          into[k] = 0;
        }
      });
    });
  },
};

/**
 * How far the updates and the memory agree to go: of attackers in a minority no coordinate gets a higher
 * score than from the others.
 */
function medians({ rows, state }: PassBlock, into: Float64Array, scores: Float32Array): void {
  const memory = state["memory"] ?? none;
  const [low, high] = [(rows.length - 1) >> 1, rows.length >> 1];
  sortedColumns(rows, (k, column) => {
    const median = ((column[low] ?? 0) + (column[high] ?? 0)) / 2;
    into[k] = median;
    scores[k] = Math.abs((memory[k] ?? 0) + median);
  });
}

/** As published: the norms of the columns, memory included. */
function means({ rows, state }: PassBlock, into: Float64Array, scores: Float32Array): void {
  const memory = state["memory"] ?? none;
  for (let k = 0; k < into.length; k++) {
    let [sum, square] = [0, 0];
    for (const row of rows) {
      const value = row[k] ?? 0;
      sum += value;
      square += ((memory[k] ?? 0) + value) ** 2;
    }
    into[k] = sum / rows.length;
    scores[k] = Math.sqrt(square);
  }
}

/** 1 for each coordinate of the block; of equal scores the first ones. */
export function blockOf(scores: Float32Array, layout: Passes["layout"], share: number): Uint8Array {
  const trained = new Float32Array(layout.count);
  let count = 0;
  for (const { role, start, length } of layout.segments) {
    if (role !== "trained") continue;
    trained.set(scores.subarray(start, start + length), count);
    count += length;
  }
  const size = count === 0 ? 0 : Math.max(1, Math.floor(share * count));
  const sorted = trained.subarray(0, count).sort();
  const least = sorted[count - size] ?? Number.POSITIVE_INFINITY;
  let equals = 0;
  for (let i = count - size; i < count && sorted[i] === least; i++) equals += 1;
  const chosen = new Uint8Array(layout.count);
  for (const { role, start, length } of layout.segments) {
    if (role !== "trained") continue;
    for (let k = start; k < start + length; k++) {
      const score = scores[k] ?? 0;
      if (score > least || (score === least && equals-- > 0)) chosen[k] = 1;
    }
  }
  return chosen;
}

/** Of the block's coordinates alone. The memory is the same for all updates: distances are without it. */
async function gramOfBlock(passes: Passes, isChosen: Uint8Array): Promise<Gram> {
  const gram = new GramSums(passes.count);
  const columns = Array.from({ length: passes.count }, () => new Float32Array(GRAM_CHUNK));
  const scales = columns.map(() => 1);
  await passes.pass(({ begin, end, rows }) => {
    // In chunks, so that sums do not depend on how long blocks are.
    for (let start = begin; start < end; start += GRAM_CHUNK) {
      let count = 0;
      for (let k = start; k < Math.min(end, start + GRAM_CHUNK); k++) {
        if (isChosen[k] !== 1) continue;
        for (const [i, column] of columns.entries()) column[count] = rows[i]?.[k - begin] ?? 0;
        count += 1;
      }
      gram.add(columns, scales, 0, count);
    }
  });
  return gram;
}

function forTrained({ layout }: Passes, { begin, end }: PassBlock, use: (k: number) => void): void {
  for (const part of segmentsWithin(layout, begin, end)) {
    if (part.segment.role !== "trained") continue;
    for (let k = part.begin; k < part.end; k++) use(k);
  }
}
