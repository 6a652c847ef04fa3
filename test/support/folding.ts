// Folds updates that lie in memory, as the aggregator folds those in the bucket: any method, any budget.
import { AggregationOptions } from "../../shared/core/methods/aggregation/options.ts";
import { TrainingOptions } from "../../shared/core/methods/training/options.ts";
import type { TransformOptions } from "../../shared/core/methods/update/transformOptions.ts";
import { foldUpdates } from "../../shared/core/round/fold.ts";
import type { FoldSource } from "../../shared/core/round/foldSource.ts";
import type { ConsumedUpdate, DroppedUpdate } from "../../shared/core/schemas/round.ts";
import { type FlatLayout, segmentsWithin } from "../../shared/core/updates/flat.ts";
import { l2Norm } from "../../shared/core/updates/norm.ts";
import type { ModelShape, Weights } from "../../shared/core/updates/weights.ts";
import { buildReported, buildRound, buildRun, buildSpec } from "./builders.ts";

export interface GivenUpdate {
  readonly delta: Weights;
  readonly samples?: number;
  /** Local steps done; as many as samples where absent, which is what is planned. */
  readonly steps?: number;
  /** Rounds that it is late. */
  readonly staleness?: number;
  readonly scale?: number;
  /** What its client has told of its labels. */
  readonly labelCounts?: readonly number[];
}

export interface Folding {
  readonly aggregation: Record<string, unknown>;
  /** Plain training where absent. */
  readonly training?: Readonly<Record<string, unknown>>;
  /** Of the run; as many as there are updates where absent. */
  readonly clients?: number;
  readonly transforms?: readonly TransformOptions[];
  readonly model: ModelShape;
  readonly base: Weights;
  readonly updates: readonly GivenUpdate[];
  readonly state?: Weights | null;
  readonly budgetBytes?: number;
  /** The round that takes the updates in. */
  readonly round?: number;
  readonly seed?: number;
  /** Of the run, before this fold. */
  readonly labelCounts?: readonly number[];
  /** Of the run, before this fold. */
  readonly stalenessCounts?: readonly number[];
  /** Of the run, before this fold. */
  readonly updateNorms?: readonly number[];
  /** Sees the number of values that one block holds. */
  readonly onBlock?: (values: number) => void;
}

export interface Folded {
  readonly consumed: readonly ConsumedUpdate[];
  readonly dropped: readonly DroppedUpdate[];
  readonly weights: Weights;
  readonly state: Weights | null;
  readonly updateNorms?: readonly number[] | undefined;
}

/** @throws FlError as the fold does. Nothing that is given is written over. */
export async function fold(folding: Folding): Promise<Folded> {
  const { model, updates, base, state = null, budgetBytes = Number.POSITIVE_INFINITY, onBlock } = folding;
  const aggregation = AggregationOptions.parse({
    maxSamplesRatio: 1_000_000,
    staleness: { weight: "paper", maxRounds: 50 },
    ...folding.aggregation,
  });
  const { transforms = [] } = folding;
  const spec = {
    ...buildSpec(),
    // Beside any aggregation: which of them go together is for specs to say.
    training: TrainingOptions.parse({ localEpochs: 1, batchSize: 1, ...folding.training }),
    aggregation,
    transforms: [...transforms],
    seed: folding.seed ?? 1,
  };
  const number = folding.round ?? 60;
  const labels = folding.labelCounts;
  const told = labels === undefined ? {} : { labelCounts: [...labels] };
  const seen = folding.stalenessCounts;
  const late = seen === undefined ? {} : { stalenessCounts: [...seen] };
  const norms = folding.updateNorms;
  const known = norms === undefined ? {} : { updateNorms: [...norms] };
  const run = buildRun({ spec, round: number, openRound: number, ...told, ...late, ...known });
  const consideredCount = folding.clients ?? updates.length;
  const round = buildRound({ round: number, status: "aggregating", consideredCount });
  const inputs = updates.map(({ samples = 1, steps = samples, staleness = 0, labelCounts }, index) => {
    const reported = buildReported({ clientId: `client-${String(index).padStart(4, "0")}` });
    if (reported.training === null) throw new Error("unreachable");
    const training = { ...reported.training, samples, steps };
    const counts = labelCounts === undefined ? {} : { labelCounts: [...labelCounts] };
    return { ...reported, round: number - staleness, training, ...counts };
  });
  const given = (clientId: string) => updates[Number(clientId.slice("client-".length))] as GivenUpdate;
  const source: FoldSource = {
    async *updates(wanted) {
      for (const one of wanted) {
        const { delta, scale = 1 } = given(one.update.clientId);
        // Memory that is someone else's afterwards, as the aggregator's room is.
        const lent = copyOf(delta);
        const isStatistic = (name: string) => model.find((one) => one.name === name)?.role === "statistic";
        const norm = l2Norm(lent.filter(({ name }) => !isStatistic(name)));
        yield [one, { ok: true, delta: lent, norm, scale }];
        for (const { values } of lent) values.fill(Number.NaN);
      }
    },
    block: async (wanted, layout, begin, end) => {
      onBlock?.(wanted.length * (end - begin));
      return wanted.map(({ update }) => rowOf(given(update.clientId).delta, layout, begin, end));
    },
    base: async () => copyOf(base),
    state: async () => (state === null ? null : copyOf(state)),
  };
  const done = await foldUpdates(run, round, model, inputs, source, budgetBytes);
  const { consumed, dropped, updateNorms } = done;
  const made = await done.finish();
  if (made.kind === "broken") throw new Error(made.reason);
  return { consumed, dropped, weights: made.weights, state: made.state, updateNorms };
}

function copyOf(weights: Weights): Weights {
  return weights.map((weight) => ({ ...weight, values: weight.values.slice() }));
}

function rowOf(delta: Weights, layout: FlatLayout, begin: number, end: number): Float32Array {
  const row = new Float32Array(end - begin);
  for (const part of segmentsWithin(layout, begin, end)) {
    const values = delta.find(({ name }) => name === part.segment.name)?.values ?? new Float32Array();
    const { start } = part.segment;
    row.set(values.subarray(part.begin - start, part.end - start), part.begin - begin);
  }
  return row;
}

/** One tensor `w` of these values: what most tests need of a model. */
export const row = (...values: readonly number[]): Weights => [
  { name: "w", shape: [values.length], values: Float32Array.from(values) },
];

/** The values of one tensor `w`. */
export const valuesOf = (weights: Weights): number[] => weights.flatMap(({ values }) => [...values]);
