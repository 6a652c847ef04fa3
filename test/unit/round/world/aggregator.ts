// The aggregator, step by step: between any two of its steps anything else may happen, and it may die.
import { isDeepStrictEqual } from "node:util";
import { FlError } from "../../../../shared/core/errors.ts";
import { stalenessWeight } from "../../../../shared/core/methods/aggregation/staleness.ts";
import type { Command } from "../../../../shared/core/protocol/commands.ts";
import { enrol } from "../../../../shared/core/roster/enrol.ts";
import { charge } from "../../../../shared/core/round/charge.ts";
import { LATE_STATUSES, roundsInReach, updateKey, updateOf } from "../../../../shared/core/round/inbox.ts";
import { afterPublish, type FoldResult } from "../../../../shared/core/round/publish.ts";
import { expiry } from "../../../../shared/core/round/report.ts";
import type { Invocation } from "../../../../shared/core/schemas/invocation.ts";
import type { Round } from "../../../../shared/core/schemas/round.ts";
import type { Run } from "../../../../shared/core/schemas/run.ts";
import type { Step } from "../../../../shared/core/steps.ts";
import { deepFreeze } from "../../../support/builders.ts";
import type { Decisions } from "./decisions.ts";
import { CAPACITY, costUsd, estimateUsd, type State } from "./state.ts";

/** Where a worker stands: before a step of the protocol, or at one of these other points. */
export type Point = Step | "read update" | "published" | "enqueue";

/** A function at work. It ends with the tasks that it asks for, or with the error that it answers. */
export type Work = Generator<Point, readonly Command[], void>;

/** What the functions of a world share. */
export interface Context {
  readonly state: State;
  readonly decide: Decisions;
  /** Keys of updates that no check lets through. */
  readonly bad: ReadonlySet<string>;
  nowMs(): number;
}

export function* aggregate(number: number, context: Context): Work {
  const { state, nowMs } = context;
  const startedMs = nowMs();
  const costSoFar = () => costUsd(nowMs() - startedMs, CAPACITY);
  let chargedUsd = 0;
  const before = { run: state.run, round: state.round(number) };
  if (before.round.status === "training") throw new FlError("failed-precondition", "still training");
  let known: readonly Invocation[] = [];
  if (before.round.status === "aggregating") {
    const inbox = readInbox(before.run, before.round, context);
    known = [...inbox.cohort, ...inbox.late];
    chargedUsd = yield* foldWithinReason(before.run, before.round, inbox, costSoFar, context);
    yield "published";
  }
  const { run } = state;
  const round = state.round(number);
  if (round.status === "cancelled") return [];
  if (!round.followedUp) yield* followUp(run, round, known, () => costSoFar() - chargedUsd, context);
  const commands = afterPublish(run, round);
  if (commands.length > 0) yield "enqueue";
  return commands;
}

interface Inbox {
  readonly cohort: readonly Invocation[];
  readonly late: readonly Invocation[];
  readonly earlierRounds: readonly Round[];
}

function readInbox(run: Run, round: Round, { state }: Context): Inbox {
  if (round.carried !== undefined) {
    return { cohort: state.invocationsOf(round), late: state.carriedBy(round), earlierRounds: [] };
  }
  const earlierRounds = roundsInReach(run, round.round).map((earlier) => state.round(earlier));
  return {
    cohort: state.invocationsOf(round),
    late: earlierRounds.flatMap((earlier) => state.invocationsOf(earlier, LATE_STATUSES)),
    earlierRounds,
  };
}

function* foldWithinReason(
  run: Run,
  round: Round,
  inbox: Inbox,
  costSoFar: () => number,
  context: Context,
): Generator<Point, number, void> {
  const { decide } = context;
  const inputs =
    round.inputs ?? decide.inputsOf(round, [...inbox.cohort, ...inbox.late], inbox.earlierRounds);
  try {
    const begun = yield* changeRound(round, context, (current) =>
      decide.foldBegun(decide.fixInputs(current, inputs)),
    );
    const exhausted = decide.foldsExhausted(begun, CAPACITY.memoryMib);
    if (exhausted !== null) return yield* giveUp(begun, inbox, exhausted, costSoFar, context);
    return begun.status === "aggregating" ? yield* foldAndPublish(run, begun, inbox, costSoFar, context) : 0;
  } catch (error) {
    if (error instanceof FlError) yield* changeRound(round, context, decide.foldFailed);
    throw error;
  }
}

/** A change that changes nothing is not a step. */
function* changeRound(
  { round }: Round,
  { state }: Context,
  change: (round: Round) => Round,
): Generator<Point, Round, void> {
  if (change(state.round(round)) === state.round(round)) return state.round(round);
  yield "fix-inputs";
  state.setRound(change(state.round(round)));
  return state.round(round);
}

function* giveUp(
  round: Round,
  inbox: Inbox,
  reason: string,
  costSoFar: () => number,
  { state, decide, nowMs }: Context,
): Generator<Point, number, void> {
  yield "publish";
  const current = state.round(round.round);
  const late = decide.newlyLate(asReported(inbox.late, state), current, inbox.earlierRounds);
  const aggregateCostUsd = costSoFar();
  const nothing = { consumed: [], dropped: [], newVersion: null, aggregateMs: 0, aggregateCostUsd };
  const published = decide.publish(
    state.run,
    current,
    nothing,
    asReported(inbox.cohort, state),
    late,
    estimateUsd(nowMs()),
    nowMs(),
  );
  if (published === null) return 0;
  const given = decide.gaveUpFolding(published, reason, nowMs());
  state.setRun(given.run);
  state.setRound(given.round);
  return aggregateCostUsd;
}

/** Who has reported since the fold began is at work no more. */
function asReported(known: readonly Invocation[], state: State): readonly Invocation[] {
  return known.map((one) => (one.reportedAt === null ? state.invocation(one.round, one.clientId) : one));
}

function* foldAndPublish(
  run: Run,
  round: Round,
  inbox: Inbox,
  costSoFar: () => number,
  context: Context,
): Generator<Point, number, void> {
  const { state, decide, nowMs } = context;
  const startedMs = nowMs();
  const { consumed, dropped } = yield* foldInputs(run, round, inbox, context);
  const degraded = decide.whyDegraded(run, consumed) ?? undefined;
  const newVersion = degraded === undefined ? round.baseVersion + 1 : null;
  if (newVersion !== null) {
    yield "write-model";
    const made = consumed.map(updateKey);
    const there = state.model(newVersion);
    // What a round left that is over and made no version is replaced.
    const isLeft = state.modelWrittenBy(newVersion) !== round.round;
    if (there === undefined || (isLeft && state.round(round.round).status === "aggregating")) {
      state.writeModel(newVersion, made, round.round);
    } else if (!isDeepStrictEqual(there, made)) throw new FlError("aborted", "other bytes are there");
  }
  const aggregateMs = nowMs() - startedMs;
  yield "publish";
  const fold: FoldResult = deepFreeze({
    consumed: newVersion === null ? [] : consumed,
    dropped,
    newVersion,
    degraded,
    aggregateMs,
    aggregateCostUsd: costSoFar(),
  });
  const current = state.round(round.round);
  const late = decide.newlyLate(asReported(inbox.late, state), current, inbox.earlierRounds);
  const published = decide.publish(
    state.run,
    current,
    fold,
    asReported(inbox.cohort, state),
    late,
    estimateUsd(nowMs()),
    nowMs(),
  );
  if (published === null) return 0;
  state.setRun(published.run);
  state.setRound(published.round);
  return fold.aggregateCostUsd;
}

function* foldInputs(
  run: Run,
  round: Round,
  { cohort, late }: Inbox,
  { state, bad }: Context,
): Generator<Point, Pick<FoldResult, "consumed" | "dropped">, void> {
  const { staleness: options } = run.spec.aggregation;
  const dropped: FoldResult["dropped"][number][] = [];
  if (round.relay !== undefined) return yield* foldGroups(round, { cohort }, { state, bad });
  const folded: { readonly of: FoldResult["consumed"][number]; readonly amount: number }[] = [];
  for (const update of round.inputs ?? []) {
    const isIt = (invocation: Invocation) => {
      const reported = updateOf(invocation);
      return reported !== null && updateKey(reported) === updateKey(update);
    };
    const invocation = [...cohort, ...late].find(isIt);
    if (invocation === undefined) throw new FlError("aborted", "settled meanwhile");
    const staleness = round.round - update.round;
    const tooOld = staleness > options.maxRounds ? expiry(run, staleness) : null;
    if (tooOld !== null) {
      dropped.push({ ...update, fate: "expired", reason: tooOld });
      continue;
    }
    yield "read update";
    if (!state.hasUpdate(update)) {
      if (state.round(round.round).status !== "aggregating")
        throw new FlError("aborted", "published meanwhile");
      dropped.push({ ...update, fate: "expired", reason: "gone" });
      continue;
    }
    if (bad.has(updateKey(update))) {
      dropped.push({ ...update, fate: "rejected", reason: "bad" });
      continue;
    }
    const samples = invocation.training?.samples ?? 1;
    const amount = samples * stalenessWeight(options, staleness, round.round);
    folded.push({ of: { ...update, samples, staleness, weight: 0 }, amount });
  }
  const total = folded.reduce((sum, { amount }) => sum + amount, 0);
  return { consumed: folded.map(({ of, amount }) => ({ ...of, weight: amount / total })), dropped };
}

/** Of each group the last good model, and with it the updates that it is made of. */
function* foldGroups(
  round: Round,
  { cohort }: Pick<Inbox, "cohort">,
  { state, bad }: Pick<Context, "state" | "bad">,
): Generator<Point, Pick<FoldResult, "consumed" | "dropped">, void> {
  const dropped: FoldResult["dropped"][number][] = [];
  const chains: FoldResult["consumed"][number][][] = [];
  const inputs = new Set((round.inputs ?? []).map(updateKey));
  for (const update of round.inputs ?? []) {
    if (update.round !== round.round)
      dropped.push({ ...update, fate: "expired", reason: "of an earlier relay" });
  }
  for (const { members } of round.relay?.groups ?? []) {
    let chain: FoldResult["consumed"][number][] | null = null;
    /** The update that the chain goes on with; any where nothing is folded yet. */
    let next: string | undefined;
    for (const { clientId } of members.toReversed()) {
      const invocation = cohort.find((one) => one.clientId === clientId);
      const update = invocation === undefined ? null : updateOf(invocation);
      if (invocation === undefined || update === null || !inputs.has(updateKey(update))) continue;
      if (chain !== null && next !== clientId) {
        dropped.push({ ...update, fate: "expired", reason: "passed over" });
        continue;
      }
      if (chain === null) {
        yield "read update";
        if (!state.hasUpdate(update)) {
          if (state.round(round.round).status !== "aggregating")
            throw new FlError("aborted", "published meanwhile");
          dropped.push({ ...update, fate: "expired", reason: "gone" });
          continue;
        }
        if (bad.has(updateKey(update))) {
          dropped.push({ ...update, fate: "rejected", reason: "bad" });
          continue;
        }
      }
      const { relay, training } = invocation;
      const samples = training?.samples ?? 1;
      chain ??= [];
      chain.push({ ...update, samples, staleness: 0, group: relay?.group ?? 0, weight: samples });
      next = relay?.from[relay.passedOver ?? 0]?.clientId;
    }
    if (chain !== null) chains.push(chain);
  }
  const folded = chains.flat();
  const total = folded.reduce((sum, { samples }) => sum + samples, 0);
  return { consumed: folded.map((one) => ({ ...one, weight: one.weight / total })), dropped };
}

function* followUp(
  run: Run,
  round: Round,
  known: readonly Invocation[],
  owedUsd: () => number,
  context: Context,
): Generator<Point, void, void> {
  const { state, decide } = context;
  yield* mark(round, known, context);
  const seen = state.shards;
  const shards = enrol(run.runId, seen, state.clients).map((shard) =>
    decide.foldRound(shard, round, run.spec.selection),
  );
  yield "fold-roster";
  // Somebody has folded since: an attempt that stalled must not undo it.
  if (state.shards[0]?.foldedRound === seen[0]?.foldedRound) state.setShards(shards);
  yield "remove-update";
  const settled = new Set([...round.consumed, ...round.dropped].map(updateKey));
  const outOfReach = `${round.round - run.spec.aggregation.staleness.maxRounds - 1}/`;
  state.removeUpdates((key) => settled.has(key) || key.startsWith(outOfReach));
  yield "finish-round";
  const current = state.round(round.round);
  if (current.followedUp) return;
  const charged = charge(state.run, current, "aggregatorUsd", Math.max(0, owedUsd()));
  state.setRun(charged.run);
  state.setRound({ ...charged.round, followedUp: true });
}

/** What is settled is marked on the copies that were read, without a look at what they are now. */
function* mark(
  round: Round,
  known: readonly Invocation[],
  { state, decide, nowMs }: Context,
): Generator<Point, void, void> {
  const keyOf = (at: { readonly round: number; readonly clientId: string }) => `${at.round}/${at.clientId}`;
  // A copy may be older than the report that a faster aggregator has settled.
  const reported = known.filter((invocation) => updateOf(invocation) !== null);
  const copies = new Map(reported.map((invocation) => [keyOf(invocation), invocation]));
  const settled = new Map([...round.consumed, ...round.dropped].map((update) => [keyOf(update), update]));
  for (const [key, { round: number, clientId }] of settled) {
    if (!copies.has(key)) copies.set(key, state.invocation(number, clientId));
  }
  const marks = [...settled.keys()].flatMap((key) => {
    const copy = copies.get(key);
    return copy === undefined ? [] : (decide.markAfter(round, copy, nowMs()) ?? []);
  });
  yield "mark-settled";
  for (const marked of marks) state.setInvocation(marked);
  for (const outcome of round.outcomes) {
    if (settled.has(keyOf(outcome))) continue;
    yield "mark-missed";
    const marked = decide.markAfter(round, state.invocation(outcome.round, outcome.clientId), nowMs());
    if (marked !== null) state.setInvocation(marked);
  }
}
