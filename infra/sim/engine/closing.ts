// Closes a round as the coordinator and the aggregator do: stop waiting, fold what is in, publish, follow up.

import { unansweredCost } from "../../../shared/core/cost/clientCall.ts";
import { FlError } from "../../../shared/core/errors.ts";
import type { Command } from "../../../shared/core/protocol/commands.ts";
import { carriedFrom, isBuffered } from "../../../shared/core/round/buffered.ts";
import {
  closeRound,
  givenUp,
  leftCalling,
  quorumCount,
  type RoundCounts,
} from "../../../shared/core/round/close.ts";
import { pendingCommands } from "../../../shared/core/round/control.ts";
import { recordEvaluation, recordUnscored } from "../../../shared/core/round/evaluation.ts";
import { foldUpdates } from "../../../shared/core/round/fold.ts";
import type { FoldSource } from "../../../shared/core/round/foldSource.ts";
import {
  fixInputs,
  inputsOf,
  LATE_STATUSES,
  newlyLate,
  roundsInReach,
  updateKey,
  updateOf,
} from "../../../shared/core/round/inbox.ts";
import { markAfter } from "../../../shared/core/round/marks.ts";
import { closeTask } from "../../../shared/core/round/open.ts";
import { type FoldResult, publish, whyDegraded, withoutVersion } from "../../../shared/core/round/publish.ts";
import { versionMadeBy } from "../../../shared/core/round/setBack.ts";
import { dueTier, isTiered } from "../../../shared/core/round/tiers.ts";
import type { Invocation, InvocationStatus } from "../../../shared/core/schemas/invocation.ts";
import type { Weights } from "../../../shared/core/updates/weights.ts";
import type { Learner } from "./learner.ts";
import { aggregatorCallUsd, evaluatorCallUsd } from "./ownCalls.ts";
import { rememberSilent } from "./settling.ts";
import { type HeldRound, heldRound, type World } from "./world.ts";

/** After a report. */
export function closeIfComplete(world: World, held: HeldRound): readonly Command[] {
  if (held.round.status !== "training") return [];
  const { cohort, carried = [], wanted } = held.round;
  const { reported, failed, due } = answersOf(world, held);
  if (isTiered(held.round)) {
    const isOver = due != null || failed >= cohort.length + carried.length;
    return isOver ? close(world, held, "report") : [];
  }
  const quorum = quorumCount(wanted, world.run.spec.round);
  const isOver = isBuffered(held.round)
    ? reported >= quorum || reported + failed >= cohort.length + carried.length
    : reported + failed >= Math.min(cohort.length, quorum);
  return isOver ? close(world, held, "report") : [];
}

/** Counted as they come in; of a buffered round, whose invocations are of many rounds, looked up. */
function answersOf(world: World, held: HeldRound): RoundCounts {
  if (!isBuffered(held.round)) return { reported: held.reported, failed: held.failed };
  const all = [...held.invocations.values(), ...carriedBy(world, held.round)];
  const of = (...statuses: InvocationStatus[]) =>
    all.filter(({ status }) => statuses.includes(status)).length;
  const reported = of("reported", "late");
  const failed = all.length - reported - of("invoked", "training");
  return {
    reported,
    failed,
    ...(isTiered(held.round) ? { due: dueTier(held.round, all, world.nowMs) } : {}),
  };
}

/** The invocations of earlier rounds that a buffered round waits for, as they are now. */
function carriedBy(world: World, { carried = [] }: HeldRound["round"]): readonly Invocation[] {
  return carried.flatMap(({ round, clientId }) => world.held.get(round)?.invocations.get(clientId) ?? []);
}

/** At the deadline's task. */
export function closeAtDeadline(world: World, round: number, pass: 1 | 2): readonly Command[] {
  const held = world.held.get(round);
  if (held === undefined || (pass === 1 && held.round.extended)) return [];
  if (held.round.status !== "training") {
    // Whose clients went on: this is their own deadline.
    if (isBuffered(held.round)) noteSilent(world, held, true);
    const { openRound } = world.run;
    const open = openRound === null ? undefined : world.held.get(openRound);
    return isTiered(held.round) && open !== undefined ? closeIfComplete(world, open) : [];
  }
  return world.nowMs < held.round.deadlineAt ? [closeTask(held.round)] : close(world, held, "deadline");
}

/** Of a relay, once every group has had its turns. */
export function closeRelay(world: World, held: HeldRound): readonly Command[] {
  return close(world, held, "report", true);
}

function close(
  world: World,
  held: HeldRound,
  cause: "report" | "deadline",
  relayIsOver = false,
): readonly Command[] {
  const { round } = held;
  const counts = { ...answersOf(world, held), relayIsOver };
  const verdict = closeRound(round, world.run.spec, counts, cause, world.nowMs);
  if (verdict.kind === "wait") return [];
  held.round = verdict.round;
  if (cause === "deadline") noteSilent(world, held, verdict.kind !== "extend");
  else if (!isBuffered(round)) noteCalling(world, held);
  return verdict.commands;
}

/** What is noted of calls that brought no report by the deadline of their clients. */
function noteSilent(world: World, held: HeldRound, isOver: boolean): void {
  for (const clientId of held.givenUp) {
    const invocation = held.invocations.get(clientId);
    const ended = invocation === undefined ? null : givenUp(invocation, world.nowMs);
    if (ended !== null) held.invocations.set(clientId, ended);
  }
  if (isOver) noteCalling(world, held);
}

/** Calls that are on their way, and not claimed, as their round stops taking claims. */
function noteCalling(world: World, held: HeldRound): void {
  for (const [clientId, sentAtMs] of held.calledAt) {
    const invocation = held.invocations.get(clientId);
    const left = invocation === undefined ? null : leftCalling(invocation, sentAtMs, world.nowMs);
    if (left !== null) held.invocations.set(clientId, left);
  }
}

/** Folds what is in now; the version is published once the aggregator's work is done. */
export async function aggregate(world: World, roundNumber: number): Promise<readonly Command[]> {
  const held = heldRound(world, roundNumber);
  const inbox = readInbox(world, held);
  held.round = fixInputs(
    held.round,
    inputsOf(held.round, [...inbox.cohort, ...inbox.late], inbox.earlierRounds),
  );
  const { population } = world.input;
  const aggregateMs = population.aggregateMs(roundNumber);
  const billedMs = population.aggregatorBilledMs?.(roundNumber) ?? aggregateMs;
  const aggregateCostUsd = aggregatorCallUsd(world, billedMs);
  const result = { ...(await fold(world, held, inbox)), aggregateMs, aggregateCostUsd };
  world.schedule(world.nowMs + aggregateMs, () => finish(world, held, result, inbox));
  return [];
}

interface Inbox {
  readonly cohort: readonly Invocation[];
  readonly late: readonly Invocation[];
  readonly earlierRounds: readonly HeldRound["round"][];
}

function readInbox(world: World, held: HeldRound): Inbox {
  if (isBuffered(held.round)) {
    const late = carriedBy(world, held.round);
    return { cohort: [...held.invocations.values()], late, earlierRounds: [] };
  }
  const earlier = roundsInReach(world.run, held.round.round).flatMap((round) => world.held.get(round) ?? []);
  return {
    cohort: [...held.invocations.values()],
    late: earlier.flatMap(({ invocations }) =>
      [...invocations.values()].filter(({ status }) => LATE_STATUSES.includes(status)),
    ),
    earlierRounds: earlier.map(({ round }) => round),
  };
}

async function fold(
  world: World,
  { round }: HeldRound,
  { cohort, late }: Inbox,
): Promise<Omit<FoldResult, "aggregateMs" | "aggregateCostUsd">> {
  const { learner } = world.input;
  const byKey = new Map(
    [...cohort, ...late].flatMap((invocation) => {
      const update = updateOf(invocation);
      return update === null ? [] : [[updateKey(update), invocation] as const];
    }),
  );
  const inputs = (round.inputs ?? []).flatMap((update) => byKey.get(updateKey(update)) ?? []);
  const source = sourceOf(learner, round);
  const { parameters } = learner.model;
  const fold = await foldUpdates(world.run, round, parameters, inputs, source, Number.POSITIVE_INFINITY);
  const { consumed, dropped, labelCounts, updateNorms } = fold;
  const degraded = whyDegraded(world.run, consumed);
  if (degraded !== null) return { consumed: [], dropped, newVersion: null, degraded };
  const made = await fold.finish();
  if (made.kind === "broken") return withoutVersion(consumed, dropped, made.reason);
  keepVersion(world, round, made);
  const doubt = made.kind === "doubtful" ? { doubt: made.reason } : {};
  return { consumed, dropped, newVersion: versionMadeBy(round), labelCounts, updateNorms, ...doubt };
}

/** Memory is not a concern here: values of all updates are held, and no block is read. */
function sourceOf(learner: Learner, round: HeldRound["round"]): FoldSource {
  return {
    async *updates(wanted) {
      const inputs = wanted.map(({ invocation }) => invocation);
      for (const update of wanted) {
        const before = (update.through ?? []).slice(0, -1).map(({ invocation }) => invocation);
        yield [update, await learner.update(update.invocation, inputs, before)];
      }
    },
    block: async () => {
      throw new FlError("internal", "The simulator holds all updates of a round.");
    },
    base: async (_room, version) => copyOf(learner.weights(version)),
    state: async () => {
      const kept = learner.state(round.baseVersion);
      return kept === null ? null : copyOf(kept);
    },
  };
}

/** A fold moves its base in place; late updates may still need it. */
function copyOf(weights: Weights): Weights {
  return weights.map((weight) => ({ ...weight, values: weight.values.slice() }));
}

/**
 * Updates are trained from the version that their clients were given, so those of held rounds are kept: of a
 * round that goes out of reach with this one, a client may report until this one is closed.
 */
function keepVersion(
  world: World,
  round: HeldRound["round"],
  { weights, state }: { readonly weights: Weights; readonly state: Weights | null },
): void {
  const held = [...world.held.values()].map((one) => one.round.baseVersion);
  world.input.learner.keep(versionMadeBy(round), weights, state, Math.min(...held, round.baseVersion));
}

function finish(world: World, held: HeldRound, result: FoldResult, inbox: Inbox): readonly Command[] {
  const { nowMs, input } = world;
  const earlier = isBuffered(held.round) ? carriedBy(world, held.round) : inbox.late;
  const late = newlyLate(earlier, held.round, inbox.earlierRounds);
  const charged = (invocation: Invocation) => unansweredCost(invocation, nowMs, input.prices);
  // Who has reported since the fold began is at work no more.
  const cohort = [...held.invocations.values()];
  const published = publish(world.run, held.round, result, cohort, late, charged, nowMs);
  if (published === null) throw new FlError("internal", `Round ${held.round.round} is ${held.round.status}.`);
  world.run = published.run;
  held.round = { ...published.round, followedUp: true };
  world.roster.fold(held.round.outcomes);
  markMissed(world, held);
  rememberSilent(world, held);
  forget(world, held);
  input.onRound?.({ round: held.round, chosen: held.chosen, cohort });
  return published.commands;
}

/** Settled invocations are not read any more; the others may still report. */
function markMissed(world: World, held: HeldRound): void {
  for (const invocation of [...held.invocations.values(), ...carriedBy(world, held.round)]) {
    if (invocation.update !== null || invocation.status === "failed") continue;
    const marked = markAfter(held.round, invocation, world.nowMs);
    if (marked !== null) world.held.get(invocation.round)?.invocations.set(invocation.clientId, marked);
  }
}

/** Rounds that no later one takes anything of. */
function forget({ held, run }: World, { round }: HeldRound): void {
  const carried = carriedFrom(run.spec, round);
  const [first] = carried === undefined ? roundsInReach(run, round.round + 1) : [];
  const needed = new Set(carried?.map((one) => one.round));
  for (const number of held.keys()) {
    const isOver = carried === undefined ? first !== undefined && number < first : number < round.round;
    if (isOver && !needed.has(number)) held.delete(number);
  }
}

/** Why a version that is scored for its time and cost alone has no score. */
const NOT_TRAINED = "nothing is trained in this simulation";

/** Scores a version, where anything is scored, or scoring takes and costs something. */
export async function evaluate(
  world: World,
  roundNumber: number,
  version: number,
): Promise<readonly Command[]> {
  const { learner, population, onScore } = world.input;
  const score = await learner.score(version);
  const held = world.held.get(roundNumber);
  const billedMs = population.evaluatorBilledMs?.(roundNumber) ?? null;
  if (held === undefined || (score === null && billedMs === null)) return [];
  const costUsd = billedMs === null ? 0 : evaluatorCallUsd(world.input, billedMs);
  const waited = !world.run.openRequest.pending;
  const scored =
    score === null
      ? recordUnscored(world.run, held.round, version, NOT_TRAINED, costUsd)
      : recordEvaluation(world.run, held.round, version, { ...score, evaluateMs: 0, costUsd }, world.nowMs);
  world.run = scored.run;
  held.round = scored.round;
  if (score !== null && Number.isFinite(score.loss) && score.accuracy !== null)
    onScore?.(roundNumber, score.accuracy);
  return waited ? pendingCommands(world.run) : [];
}
