// The aggregate of the updates of a fold: by sums, by weights that follow from distances, by blocks of
// coordinates or by passes over them, with what comes before a robust rule.
import { FlError } from "../errors.ts";
import type { AggregationMethod, Contribution, Weighing } from "../methods/aggregation/aggregationMethod.ts";
import { leastUpdates } from "../methods/aggregation/aggregationOf.ts";
import { type Blocks, blockLength, combineBlocks, gramOf, runPasses } from "../methods/aggregation/blocks.ts";
import { GRAM_CHUNK, type Gram, gramOfNorms } from "../methods/aggregation/gram.ts";
import {
  bucketsOf,
  type Mixing,
  mixedContributions,
  mixedGram,
  nearestOf,
  unmixed,
} from "../methods/aggregation/mixing.ts";
import type { AggregationOptions } from "../methods/aggregation/options.ts";
import type { MixingRule } from "../methods/aggregation/robust.ts";
import { stateName } from "../methods/aggregation/serverState.ts";
import type { Aggregate, WeightedSum } from "../methods/aggregation/weightedSum.ts";
import type { TrainingOptions } from "../methods/training/options.ts";
import type { Random } from "../random.ts";
import { type FlatLayout, segmentsWithin } from "../updates/flat.ts";
import type { Weights } from "../updates/weights.ts";
import type { FoldSource, WantedUpdate } from "./foldSource.ts";
import { updateKey } from "./inbox.ts";

/** What an aggregation works on. */
export interface Folding {
  readonly training: TrainingOptions;
  readonly layout: FlatLayout;
  readonly folded: readonly Folded[];
  readonly rows: Rows;
  readonly sum: WeightedSum;
  readonly source: FoldSource;
  readonly budgetBytes: number;
  /** What is kept with the base version. */
  readonly state: () => Promise<Weights>;
  readonly random: Random;
  /** Of updates that made versions before, as clipped, the newest last. */
  readonly knownNorms: readonly number[];
}

/** An update that was read and found sound. */
export interface Folded extends WantedUpdate {
  readonly contribution: Contribution;
  /** Of its trained parameters, as they were sent. */
  readonly norm: number;
  readonly scale: number;
}

/** What an update counts for in a weighted mean. */
export function weightOf(
  method: AggregationMethod<AggregationOptions>,
  contribution: Contribution,
  options: AggregationOptions,
  training: TrainingOptions,
): number {
  const own = method.access === "stream" ? method.weight : undefined;
  return own?.(contribution, options, training) ?? contribution.samples * contribution.stalenessWeight;
}

/** What became of the updates together. */
export interface Aggregated {
  readonly aggregate: Aggregate;
  /** What each update counts for. */
  readonly weights: readonly number[];
  /** What the values of each counted times, where the method shortens them. */
  readonly scales?: readonly number[];
  /** What is kept, where the method had use of it: it may have changed. */
  readonly state?: Weights;
}

/** The aggregate of checked updates by a method, whatever access to them it needs. */
export async function aggregateFolded(
  method: AggregationMethod<AggregationOptions>,
  options: AggregationOptions,
  { training, layout, folded, rows, sum, source, budgetBytes, state, random, knownNorms }: Folding,
): Promise<Aggregated> {
  if (method.access === "stream") {
    const contributions = folded.map(({ contribution }) => contribution);
    return {
      aggregate: withGain(sum, method.gain?.(contributions, options, training) ?? 1),
      weights: contributions.map((one) => weightOf(method, one, options, training)),
    };
  }
  const equal = folded.map(() => 1);
  if (folded.length < leastUpdates(options)) return { aggregate: sum, weights: equal };
  const rule = method.mixing?.(options) ?? { step: "none" };
  // Means of groups lie beside the updates themselves, and a centre is one more.
  const held = (rule.step === "none" ? 1 : 2) * folded.length + 1;
  const blocks: Blocks = {
    layout,
    scales: folded.map(({ scale }) => scale),
    length:
      rows.held === null || rule.step !== "none" ? blockLength(held, budgetBytes) : layout.count + GRAM_CHUNK,
    read: async (begin, end) =>
      rows.held?.map((row) => row.subarray(begin, end)) ?? source.block(folded, layout, begin, end),
  };
  if (method.access !== "weights") {
    const mixing = await mixingOf(rule, folded, random, () => gramOf(blocks));
    if (method.access === "blocks") {
      return { aggregate: await combineBlocks(method, options, blocks, mixing), weights: equal };
    }
    const kept = await state();
    const aggregate = await runPasses(method, options, blocks, mixing, kept);
    return { aggregate, weights: equal, state: kept };
  }
  const kept = method.centre === undefined ? undefined : await state();
  const centre = kept === undefined ? null : { name: method.centre ?? "", state: kept };
  const onlyNorms = method.shortens === true && rule.step === "none";
  const gram = onlyNorms
    ? gramOfNorms(folded.map(({ norm, scale }) => norm * scale))
    : await gramOf(centre === null ? blocks : withCentre(blocks, centre));
  const mixing = await mixingOf(rule, folded, random, async () => ofUpdates(gram, folded.length));
  const own = folded.map(({ contribution }) => contribution);
  const prepare = (contributions: readonly Contribution[], of: Gram) =>
    checked(method.prepare(contributions, of, options, knownNorms), contributions.length);
  const weighing = weigh(prepare, own, gram, mixing);
  for await (const [index, delta] of again(folded, rows, layout, source, sum)) {
    const weight = weighing.weights[index] ?? 0;
    // A scale of 0 is that of an update which is infinitely long beside the others.
    const scale = (folded[index]?.scale ?? 1) * (weighing.scales?.[index] ?? 1);
    if (weight > 0) sum.add(delta, weight, Math.max(Number.MIN_VALUE, scale));
  }
  const { centreWeight = 0 } = weighing;
  if (centre !== null && centreWeight > 0) sum.add(centreDelta(layout, centre), centreWeight, 1);
  return { aggregate: sum, ...weighing, ...(kept === undefined ? {} : { state: kept }) };
}

/** An aggregate whose trained parameters are multiplied; statistics stay means. */
function withGain(aggregate: Aggregate, gain: number): Aggregate {
  if (gain === 1) return aggregate;
  return {
    of: (segment, otherwise) => {
      const values = aggregate.of(segment, otherwise);
      if (segment.role === "statistic") return values;
      for (let i = 0; i < values.length; i++) values[i] = gain * (values[i] ?? 0);
      return values;
    },
  };
}

/** What each update counts for, whatever rows the rule has seen. */
function weigh(
  prepare: (contributions: readonly Contribution[], gram: Gram) => Weighing,
  own: readonly Contribution[],
  gram: Gram,
  mixing: Mixing | null,
): Weighing {
  if (mixing === null) return prepare(own, gram);
  const centre = gram.size > own.length ? [[own.length]] : [];
  const mixed = mixedGram(gram, [...mixing, ...centre]);
  return unmixed(prepare(mixedContributions(own, mixing), mixed), mixing, own.length);
}

/** The groups whose means a rule sees; null where it sees the updates. */
async function mixingOf(
  rule: MixingRule,
  folded: readonly Folded[],
  random: Random,
  gram: () => Promise<Gram>,
): Promise<Mixing | null> {
  switch (rule.step) {
    case "none":
      return null;
    case "bucketing":
      return bucketsOf(
        folded.map(({ update }) => updateKey(update)),
        rule.size,
        random,
      );
    case "nnm":
      return nearestOf(await gram(), rule.maxMalicious);
  }
}

/** Without the centre behind them. */
function ofUpdates(gram: Gram, size: number): Gram {
  return { size, at: (i, j) => gram.at(i, j) };
}

interface Centre {
  readonly name: string;
  readonly state: Weights;
}

/** The centre as a row behind the updates. */
function withCentre(blocks: Blocks, centre: Centre): Blocks {
  const { layout } = blocks;
  const kept = new Map(centre.state.map(({ name, values }) => [name, values]));
  const rowOf = (begin: number, end: number): Float32Array => {
    const row = new Float32Array(end - begin);
    for (const { segment, begin: from, end: to } of segmentsWithin(layout, begin, end)) {
      const values = kept.get(stateName(centre.name, segment.name));
      row.set(values?.subarray(from - segment.start, to - segment.start) ?? [], from - begin);
    }
    return row;
  };
  return {
    ...blocks,
    scales: [...blocks.scales, 1],
    read: async (begin, end) => [...(await blocks.read(begin, end)), rowOf(begin, end)],
  };
}

/** The centre as an update of trained parameters. */
function centreDelta({ segments }: FlatLayout, { name, state }: Centre): Weights {
  const kept = new Map(state.map((weight) => [weight.name, weight.values]));
  return segments.flatMap((segment) => {
    const values = kept.get(stateName(name, segment.name));
    return values === undefined ? [] : [{ name: segment.name, shape: segment.shape, values }];
  });
}

function checked(weighing: Weighing, count: number): Weighing {
  const { weights, scales = [], centreWeight = 0 } = weighing;
  const isSound =
    weights.length === count &&
    [...weights, centreWeight].every((weight) => weight >= 0 && Number.isFinite(weight)) &&
    scales.every((scale) => scale >= 0 && scale <= 1);
  if (isSound && weights.some((weight) => weight > 0)) return weighing;
  throw new FlError("internal", `An aggregation gave ${count} updates the weights ${weights.join(", ")}.`);
}

/** The sound updates once more, from memory or as they were stored. */
async function* again(
  folded: readonly Folded[],
  rows: Rows,
  layout: FlatLayout,
  source: FoldSource,
  sum: WeightedSum,
): AsyncGenerator<readonly [number, Weights]> {
  if (rows.held !== null) {
    for (const [index, row] of rows.held.entries()) {
      const delta = layout.segments.map(({ name, shape, start, length }) => ({
        name,
        shape,
        values: row.subarray(start, start + length),
      }));
      yield [index, delta];
    }
    return;
  }
  let index = 0;
  for await (const [{ update }, read] of source.updates(folded, (sizeBytes) => sum.room(sizeBytes))) {
    if (!read.ok) {
      throw new FlError("unavailable", `The update of ${update.clientId} changed while it was folded.`);
    }
    yield [index++, read.delta];
  }
}

/** Values of all updates, as long as they fit into the budget together. */
export class Rows {
  readonly #layout: FlatLayout;
  #held: Float32Array[] | null;

  constructor(layout: FlatLayout, count: number, budgetBytes: number) {
    this.#layout = layout;
    this.#held = count * layout.count * Float32Array.BYTES_PER_ELEMENT <= budgetBytes ? [] : null;
  }

  /** Null where they do not fit. */
  get held(): readonly Float32Array[] | null {
    return this.#held;
  }

  keep(delta: Weights): void {
    if (this.#held === null) return;
    const row = new Float32Array(this.#layout.count);
    const byName = new Map(delta.map(({ name, values }) => [name, values]));
    for (const { name, start } of this.#layout.segments) row.set(byName.get(name) ?? [], start);
    this.#held.push(row);
  }
}
