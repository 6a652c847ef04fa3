// The fold of a round: which updates join, what each counts for, and the version that they make. The
// aggregator and the simulator run this; where updates and versions come from is theirs.
import { FlError } from "../errors.ts";
import type { AggregationMethod, Contribution } from "../methods/aggregation/aggregationMethod.ts";
import { aggregationOf, leastUpdates } from "../methods/aggregation/aggregationOf.ts";
import { boundedSamples, countedSamples, countedSteps } from "../methods/aggregation/countedSamples.ts";
import type { AggregationOptions } from "../methods/aggregation/options.ts";
import { initialState, moveModel, stateShape } from "../methods/aggregation/serverState.ts";
import { isUsable, stalenessWeight } from "../methods/aggregation/staleness.ts";
import { WeightedSum } from "../methods/aggregation/weightedSum.ts";
import { updateShape } from "../methods/training/methodTensors.ts";
import { hooksOf } from "../methods/training/trainingOf.ts";
import { serverTransform } from "../methods/update/applyTransforms.ts";
import { randomFrom } from "../random.ts";
import type { Invocation } from "../schemas/invocation.ts";
import type { ConsumedUpdate, DroppedUpdate, Round } from "../schemas/round.ts";
import type { Run } from "../schemas/run.ts";
import { flatLayout } from "../updates/flat.ts";
import type { ModelShape, Weights } from "../updates/weights.ts";
import { aggregateFolded, type Folded, Rows, weightOf } from "./aggregateFolded.ts";
import type { FoldSource, ReadUpdate, WantedUpdate } from "./foldSource.ts";
import { updateOf } from "./inbox.ts";
import { asksLabels, labelSimilarity, withLabels } from "./labels.ts";
import { rememberedNorms, withNorms } from "./normsSeen.ts";
import { isRelay } from "./relay.ts";
import { lastBefore, lastOfGroups, passedBy } from "./relayFold.ts";
import { expiry } from "./report.ts";
import { judgeVersion, whyUnusable } from "./setBack.ts";
import { usualShare, usualStaleness } from "./stalenessSeen.ts";
import { tierOfFold } from "./tiers.ts";

export interface Fold {
  readonly consumed: readonly ConsumedUpdate[];
  readonly dropped: readonly DroppedUpdate[];
  /** The run's label counts with those of the updates consumed; absent where it does not ask for any. */
  readonly labelCounts?: readonly number[];
  /** The run's norms with those of the updates consumed; absent where it remembers none. */
  readonly updateNorms?: readonly number[];
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
  const layout = flatLayout(updateShape(run.spec.training, model));
  const { wanted, dropped } = sortInputs(run, round, method, inputs);
  // Blocks are not sums; they have use of its room.
  const sum = new WeightedSum(
    method.access === "blocks" || method.access === "passes" ? flatLayout([]) : layout,
  );
  const rows = new Rows(layout, wanted.length, method.access === "stream" ? 0 : budgetBytes);
  const folded: Folded[] = [];
  let reading: readonly WantedUpdate[] = isRelay(round) ? lastOfGroups(wanted) : wanted;
  while (reading.length > 0) {
    const instead: WantedUpdate[] = [];
    for await (const [update, read] of source.updates(reading, (sizeBytes) => sum.room(sizeBytes))) {
      const reason = whyDropped(read, method);
      if (reason !== null) {
        dropped.push({ ...update.update, ...reason });
        const before = isRelay(round) ? lastBefore(update, wanted) : undefined;
        if (before !== undefined) instead.push(before);
        continue;
      }
      if (!read.ok) continue;
      const contribution = contributionOf(update, run, round);
      const one = { ...update, contribution, norm: read.norm, scale: read.scale };
      folded.push(one);
      if (method.access === "stream") {
        sum.add(read.delta, weightOf(method, contribution, options, run.spec.training), read.scale);
      } else rows.keep(read.delta);
    }
    reading = instead;
  }
  if (isRelay(round)) dropped.push(...passedBy(folded, wanted, dropped));
  const { server } = method;
  const readState = async (): Promise<Weights> => {
    if (server === undefined) return [];
    return (await source.state(stateShape(server, model, options))) ?? initialState(server, model, options);
  };
  const aggregated = await aggregateFolded(method, options, {
    training: run.spec.training,
    layout,
    folded,
    rows,
    sum,
    source,
    budgetBytes,
    state: readState,
    random: randomFrom(run.spec.seed, round.round, "aggregation"),
    knownNorms: withNorms(run.updateNorms ?? [], [], rememberedNorms(run.spec)),
  });
  const total = aggregated.weights.reduce((all, weight) => all + weight, 0);
  return {
    consumed: folded.flatMap((one, index) =>
      consumedOf(one, (aggregated.weights[index] ?? 0) / total, aggregated.scales?.[index] ?? 1),
    ),
    dropped,
    ...(asksLabels(run.spec) ? { labelCounts: labelsAfter(run, folded) } : {}),
    ...normsAfter(run, folded),
    finish: async () => {
      const least = leastUpdates(options);
      if (folded.length < least) {
        const message = `${options.strategy} folds ${least} updates or more, not ${folded.length}: carry the model over instead.`;
        throw new FlError("failed-precondition", message);
      }
      const state = server === undefined ? null : (aggregated.state ?? (await readState()));
      const tier = tierOfFold(run, round);
      // The clients of a tier began from one version, which may be an old one by now.
      const [first] = folded;
      const baseVersion = tier === undefined ? round.baseVersion : first?.invocation.baseVersion;
      const base = await source.base((sizeBytes) => sum.room(sizeBytes), baseVersion ?? round.baseVersion);
      const share = Math.min(1, folded.length / Math.max(1, round.consideredCount));
      const { training } = run.spec;
      const beside = hooksOf(training).sends ?? [];
      const moving =
        server === undefined || state === null
          ? null
          : { step: server, state, options, training, share, beside, tier };
      const transform = serverTransform(run.spec.transforms ?? []);
      const weights = moveModel(base, model, aggregated.aggregate, moving, layout, transform);
      const verdict = judgeVersion([...weights, ...(state ?? [])]);
      if (verdict.kind === "broken") return { kind: "broken", reason: verdict.reason };
      return { ...verdict, weights, state };
    },
  };
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
  const usable = inputs.flatMap((invocation): Omit<WantedUpdate, "samples" | "steps">[] => {
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
    if (staleness > 0 && isRelay(round)) {
      dropped.push({ ...update, fate: "expired", reason: OF_EARLIER_RELAY });
      return [];
    }
    if (staleness > 0 && method.leavesOutLate?.(options) === true) {
      const reason = `It is of an earlier round, and ${options.strategy} leaves those out: see aggregation.late.`;
      dropped.push({ ...update, fate: "expired", reason });
      return [];
    }
    return [{ update, invocation, training, staleness }];
  });
  const reports = usable.map(({ training }) => training);
  const ratio = options.maxSamplesRatio;
  const counted =
    method.access === "stream" && method.normalisesSteps === true
      ? boundedSamples(
          reports.map(({ samples }) => samples),
          ratio,
        )
      : countedSamples(reports, run.spec.training, ratio);
  const steps = countedSteps(reports, counted, ratio);
  const wanted = usable.map((update, index) => ({
    ...update,
    samples: counted[index] ?? 1,
    steps: steps[index] ?? 1,
  }));
  return { wanted, dropped };
}

const OF_EARLIER_RELAY =
  "It is of an earlier round that made no version, and a relay folds the last models of its own groups.";

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
  { update, invocation, samples, staleness, steps }: WantedUpdate,
  { spec, labelCounts: known = [], stalenessCounts = [] }: Run,
  { round }: Round,
): Contribution {
  const { clientId } = update;
  const weight = stalenessWeight(spec.aggregation.staleness, staleness, round);
  const { labelCounts } = invocation;
  const told = labelCounts !== undefined && asksLabels({ aggregation: spec.aggregation });
  const similarity = told ? { labelSimilarity: labelSimilarity(labelCounts, known) } : {};
  const share = usualShare(spec);
  const seen = share === null ? undefined : usualStaleness(stalenessCounts, share);
  const usual = seen === undefined ? {} : { usualStaleness: seen };
  return { clientId, samples, stalenessWeight: weight, staleness, steps, ...similarity, ...usual };
}

function labelsAfter({ labelCounts = [] }: Run, folded: readonly Folded[]): readonly number[] {
  return folded
    .flatMap((one) => one.through ?? [one])
    .reduce<readonly number[]>(
      (known, { invocation, samples }) =>
        invocation.labelCounts === undefined ? known : withLabels(known, invocation.labelCounts, samples),
      labelCounts,
    );
}

function normsAfter({ spec, updateNorms = [] }: Run, folded: readonly Folded[]): Pick<Fold, "updateNorms"> {
  const most = rememberedNorms(spec);
  const norms = folded.map(({ norm, scale }) => norm * scale);
  return most === 0 ? {} : { updateNorms: withNorms(updateNorms, norms, most) };
}

/** The update as it was folded; of a relay the updates that it is made of, each with a share of its weight. */
function consumedOf(one: Folded, weight: number, shortened: number): readonly ConsumedUpdate[] {
  const scale = Math.max(Number.MIN_VALUE, one.scale * shortened);
  const clipped = scale < 1 ? { scale } : {};
  return (one.through ?? [one]).map(({ update, training, samples, staleness, invocation }) => {
    const fewer = samples < training.samples ? { toldSamples: training.samples } : {};
    const group = invocation.relay === undefined ? {} : { group: invocation.relay.group };
    const share = one.through === undefined ? weight : (weight * samples) / one.samples;
    return { ...update, samples, ...fewer, staleness, ...group, ...clipped, weight: share };
  });
}
