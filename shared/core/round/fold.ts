// The fold of a round: which updates join, what each counts for, and the version that they make. The
// aggregator and the simulator run this; where updates and versions come from is theirs.
import { FlError } from "../errors.ts";
import type { AggregationMethod, Contribution } from "../methods/aggregation/aggregationMethod.ts";
import { aggregationOf } from "../methods/aggregation/aggregationOf.ts";
import { type Blocks, blockLength, combineBlocks, gramOf } from "../methods/aggregation/blocks.ts";
import { countedSamples } from "../methods/aggregation/countedSamples.ts";
import type { AggregationOptions } from "../methods/aggregation/options.ts";
import { initialState, moveModel, stateShape } from "../methods/aggregation/serverState.ts";
import { isUsable, stalenessWeight } from "../methods/aggregation/staleness.ts";
import { type Aggregate, WeightedSum } from "../methods/aggregation/weightedSum.ts";
import { serverTransform } from "../methods/update/applyTransforms.ts";
import type { UpdateCheck } from "../methods/update/validate.ts";
import type { Invocation, TrainingFacts } from "../schemas/invocation.ts";
import type { ConsumedUpdate, DroppedUpdate, Round, UpdateId } from "../schemas/round.ts";
import type { Run } from "../schemas/run.ts";
import { type FlatLayout, flatLayout } from "../updates/flat.ts";
import type { ModelShape, Weights } from "../updates/weights.ts";
import { updateOf } from "./inbox.ts";
import { expiry } from "./report.ts";
import { judgeVersion, whyUnusable } from "./setBack.ts";

/** An update that is to be folded. */
export interface WantedUpdate {
  readonly update: UpdateId;
  readonly invocation: Invocation;
  readonly training: TrainingFacts;
  /** What it counts for. */
  readonly samples: number;
  readonly staleness: number;
}

/** An update as it was read and checked; `gone`: there is no such object, or no such write of it. */
export type ReadUpdate = UpdateCheck | { readonly ok: false; readonly gone: true; readonly reason: string };

/** Gives memory of a size, at a multiple of eight; the next call ends the use of what an earlier one gave. */
export type Room = (sizeBytes: number) => Uint8Array<ArrayBuffer>;

/** Where a fold's updates and versions come from. */
export interface FoldSource {
  /**
   * Each of these, in their order, read whole and checked; its values may be used until the next is asked
   * for.
   */
  updates(wanted: readonly WantedUpdate[], room: Room): AsyncIterable<readonly [WantedUpdate, ReadUpdate]>;
  /**
   * The values of updates that were found sound, for coordinates `begin` to `end` of the row of sent
   * parameters.
   */
  block(
    wanted: readonly WantedUpdate[],
    layout: FlatLayout,
    begin: number,
    end: number,
  ): Promise<readonly Float32Array[]>;
  /** The weights of the round's base version, which may be written over. */
  base(room: Room): Promise<Weights>;
  /**
   * What the method kept with the base version, which may be written over; null where no round has made any.
   */
  state(shape: ModelShape): Promise<Weights | null>;
}

export interface Fold {
  readonly consumed: readonly ConsumedUpdate[];
  readonly dropped: readonly DroppedUpdate[];
  /** Once only: the next version is made in the memory of the fold. */
  finish(): Promise<MadeVersion>;
}

/**
 * The next model version where it can be used, and what the method keeps with it; null for a method that
 * keeps nothing.
 */
export type MadeVersion =
  | { readonly kind: "sound"; readonly weights: Weights; readonly state: Weights | null }
  | {
      readonly kind: "doubtful";
      readonly weights: Weights;
      readonly state: Weights | null;
      readonly reason: string;
    }
  | { readonly kind: "broken"; readonly reason: string };

/**
 * Folds updates. A bad one is dropped with its reasons and costs only itself. The same updates in the same
 * order make the same bytes, whatever the budget.
 *
 * @param inputs in the order in which they are folded, which decides the bytes of the result.
 * @param budgetBytes memory for values of several updates at once, for methods that need them.
 */
export async function foldUpdates(
  run: Run,
  round: Round,
  model: ModelShape,
  inputs: readonly Invocation[],
  source: FoldSource,
  budgetBytes: number,
): Promise<Fold> {
  const options = run.spec.aggregation;
  const method = aggregationOf(options);
  const layout = flatLayout(model);
  const { wanted, dropped } = sortInputs(run, round, method, inputs);
  // Blocks are not sums; they have use of its room.
  const sum = new WeightedSum(method.access === "blocks" ? flatLayout([]) : layout);
  const rows = new Rows(layout, wanted.length, method.access === "stream" ? 0 : budgetBytes);
  const folded: Folded[] = [];
  for await (const [update, read] of source.updates(wanted, (sizeBytes) => sum.room(sizeBytes))) {
    const reason = whyDropped(read, method);
    if (reason !== null) {
      dropped.push({ ...update.update, ...reason });
      continue;
    }
    if (!read.ok) continue;
    const contribution = contributionOf(update, round, options);
    const one = { ...update, contribution, scale: read.scale };
    folded.push(one);
    if (method.access === "stream") sum.add(read.delta, weightOf(method, contribution, options), read.scale);
    else rows.keep(read.delta);
  }
  const aggregated = await aggregateOf(method, options, layout, folded, rows, sum, source, budgetBytes);
  const total = aggregated.weights.reduce((all, weight) => all + weight, 0);
  return {
    consumed: folded.map((one, index) => consumedOf(one, (aggregated.weights[index] ?? 0) / total)),
    dropped,
    finish: async () => {
      const least = method.least?.(options) ?? 1;
      if (folded.length < least) {
        const message = `${options.strategy} folds ${least} updates or more, not ${folded.length}: carry the model over instead.`;
        throw new FlError("failed-precondition", message);
      }
      const { server } = method;
      const state =
        server === undefined
          ? null
          : ((await source.state(stateShape(server, model))) ?? initialState(server, model, options));
      const base = await source.base((sizeBytes) => sum.room(sizeBytes));
      const moving = server === undefined || state === null ? null : { step: server, state, options };
      const transform = serverTransform(run.spec.transforms ?? []);
      const weights = moveModel(base, model, aggregated.aggregate, moving, layout, transform);
      const verdict = judgeVersion([...weights, ...(state ?? [])]);
      if (verdict.kind === "broken") return { kind: "broken", reason: verdict.reason };
      return { ...verdict, weights, state };
    },
  };
}

interface Folded extends WantedUpdate {
  readonly contribution: Contribution;
  readonly scale: number;
}

/** The updates that join, with what each counts for, and those that do not, with the reason. */
function sortInputs(
  run: Run,
  round: Round,
  method: AggregationMethod<AggregationOptions>,
  inputs: readonly Invocation[],
): { readonly wanted: readonly WantedUpdate[]; readonly dropped: DroppedUpdate[] } {
  const options = run.spec.aggregation;
  const dropped: DroppedUpdate[] = [];
  const usable = inputs.flatMap((invocation): Omit<WantedUpdate, "samples">[] => {
    const { training } = invocation;
    const update = updateOf(invocation);
    if (update === null || training === null) return [];
    const staleness = round.round - invocation.round;
    if (!isUsable(staleness, options.staleness.maxRounds)) {
      const tooOld = expiry(run, staleness);
      if (tooOld !== null) dropped.push({ ...update, fate: "expired", reason: tooOld });
      return [];
    }
    const unusable = whyUnusable(run, invocation.baseVersion);
    if (unusable !== null) {
      const reason = `It was trained from a bad base: ${unusable}.`;
      dropped.push({ ...update, fate: "rejected", reason });
      return [];
    }
    // Of no use to a round whose own base is bad: it waits for the next one.
    if (whyUnusable(run, round.baseVersion) !== null) return [];
    if (staleness > 0 && method.leavesOutLate?.(options) === true) {
      const reason = `It is of an earlier round, and ${options.strategy} leaves those out: see aggregation.late.`;
      dropped.push({ ...update, fate: "expired", reason });
      return [];
    }
    return [{ update, invocation, training, staleness }];
  });
  const counted = countedSamples(
    usable.map(({ training }) => training),
    run.spec.training,
    options.maxSamplesRatio,
  );
  return { wanted: usable.map((update, index) => ({ ...update, samples: counted[index] ?? 1 })), dropped };
}

/** It was there when it was reported, so its client has done its part. */
const GONE =
  "Updates that wait are kept for 30 days, as those of a run that is paused do; nothing else removes them.";

function whyDropped(
  read: ReadUpdate,
  method: AggregationMethod<AggregationOptions>,
): Pick<DroppedUpdate, "fate" | "reason"> | null {
  if (read.ok) {
    if (method.access === "stream" || read.delta.every(({ at }) => at === undefined)) return null;
    return {
      fate: "rejected",
      reason: "It has a part of the parameters only, and the aggregation needs all.",
    };
  }
  if ("gone" in read) return { fate: "expired", reason: `${read.reason} ${GONE}` };
  const reason = read.problems.map((problem) => `${problem.code}: ${problem.message}`).join(" ");
  return { fate: "rejected", reason: reason.slice(0, 1_000).toWellFormed() };
}

function contributionOf(
  { update, samples, staleness }: WantedUpdate,
  { round }: Round,
  { staleness: options }: AggregationOptions,
): Contribution {
  const { clientId } = update;
  return { clientId, samples, stalenessWeight: stalenessWeight(options, staleness, round) };
}

function weightOf(
  method: AggregationMethod<AggregationOptions>,
  contribution: Contribution,
  options: AggregationOptions,
): number {
  const own = method.access === "stream" ? method.weight : undefined;
  return own?.(contribution, options) ?? contribution.samples * contribution.stalenessWeight;
}

/** The aggregate, and what each update counts for in it. */
async function aggregateOf(
  method: AggregationMethod<AggregationOptions>,
  options: AggregationOptions,
  layout: FlatLayout,
  folded: readonly Folded[],
  rows: Rows,
  sum: WeightedSum,
  source: FoldSource,
  budgetBytes: number,
): Promise<{ readonly aggregate: Aggregate; readonly weights: readonly number[] }> {
  if (method.access === "stream") {
    return {
      aggregate: sum,
      weights: folded.map(({ contribution }) => weightOf(method, contribution, options)),
    };
  }
  const equal = folded.map(() => 1);
  if (folded.length < (method.least?.(options) ?? 1)) return { aggregate: sum, weights: equal };
  const blocks: Blocks = {
    layout,
    scales: folded.map(({ scale }) => scale),
    length: rows.held === null ? blockLength(folded.length, budgetBytes) : blockLength(1, Infinity),
    read: async (begin, end) =>
      rows.held?.map((row) => row.subarray(begin, end)) ?? source.block(folded, layout, begin, end),
  };
  if (method.access === "blocks") {
    return { aggregate: await combineBlocks(method, options, blocks), weights: equal };
  }
  const contributions = folded.map(({ contribution }) => contribution);
  const weights = checked(method.prepare(contributions, await gramOf(blocks), options), folded.length);
  for await (const [index, delta] of again(folded, rows, layout, source, sum)) {
    const weight = weights[index] ?? 0;
    if (weight > 0) sum.add(delta, weight, folded[index]?.scale ?? 1);
  }
  return { aggregate: sum, weights };
}

function checked(weights: readonly number[], count: number): readonly number[] {
  const isSound =
    weights.length === count && weights.every((weight) => weight >= 0 && Number.isFinite(weight));
  if (isSound && weights.some((weight) => weight > 0)) return weights;
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
class Rows {
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

function consumedOf({ update, training, samples, staleness, scale }: Folded, weight: number): ConsumedUpdate {
  const clipped = scale < 1 ? { scale } : {};
  const fewer = samples < training.samples ? { toldSamples: training.samples } : {};
  return { ...update, samples, ...fewer, staleness, ...clipped, weight };
}
