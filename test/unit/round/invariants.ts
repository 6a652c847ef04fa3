// The rules of the round protocol, in one place and in words: what holds of a run's documents after every
// step, whatever happened, and what holds once nothing is under way any more.
import { isDeepStrictEqual } from "node:util";
import type * as z from "zod";
import { sumUsd } from "../../../shared/core/cost/cost.ts";
import { tiersOf } from "../../../shared/core/methods/aggregation/tiersOf.ts";
import { enrol } from "../../../shared/core/roster/enrol.ts";
import { foldRound } from "../../../shared/core/roster/fold.ts";
import {
  carriedFrom,
  hasBufferedRounds,
  invocationKey,
  listedIn,
} from "../../../shared/core/round/buffered.ts";
import { totalUsd } from "../../../shared/core/round/charge.ts";
import { updateKey, updateOf } from "../../../shared/core/round/inbox.ts";
import { trainedBefore } from "../../../shared/core/round/relay.ts";
import { hasEnded, SCORE_PATIENCE_MS } from "../../../shared/core/round/sweep.ts";
import type { Client } from "../../../shared/core/schemas/client.ts";
import { Invocation, type InvocationStatus } from "../../../shared/core/schemas/invocation.ts";
import { RosterShard } from "../../../shared/core/schemas/roster.ts";
import { type CarriedInvocation, Round, type RoundStatus } from "../../../shared/core/schemas/round.ts";
import { MAX_AWAITED, Run, type RunStatus } from "../../../shared/core/schemas/run.ts";
import { isValid } from "../../support/documents.ts";

/** Everything that there is of one run. Rounds in their order. */
export interface Documents {
  readonly run: Run;
  readonly rounds: readonly Round[];
  readonly invocations: readonly Invocation[];
  readonly shards: readonly RosterShard[];
  readonly clients: readonly Client[];
  /** What lies in the bucket under each version: the keys of the updates that it was made of. */
  readonly models: ReadonlyMap<number, readonly string[]>;
  /** Keys of the updates that lie in the bucket. */
  readonly updates: ReadonlySet<string>;
}

/** What a status may become, beside what it is. */
const NEXT_RUN: Record<RunStatus, readonly RunStatus[]> = {
  preparing: ["ready", "running", "cancelled", "failed"],
  ready: ["running", "cancelled", "completed", "failed"],
  running: ["paused", "completed", "cancelled", "failed"],
  paused: ["running", "completed", "cancelled", "failed"],
  completed: [],
  cancelled: [],
  failed: [],
};
const NEXT_ROUND: Record<RoundStatus, readonly RoundStatus[]> = {
  training: ["aggregating", "cancelled"],
  aggregating: ["closed", "degraded", "cancelled"],
  closed: [],
  degraded: [],
  cancelled: [],
};
const NEXT_INVOCATION: Record<InvocationStatus, readonly InvocationStatus[]> = {
  invoked: ["training", "missed", "cancelled"],
  training: ["reported", "late", "expired", "failed", "missed", "cancelled"],
  missed: ["reported", "late", "expired", "failed"],
  reported: ["consumed", "rejected", "expired"],
  late: ["consumed", "rejected", "expired"],
  consumed: [],
  rejected: [],
  expired: [],
  failed: [],
  cancelled: [],
};

/** What holds after every step. */
const ALWAYS: Readonly<Record<string, (before: Documents, after: Documents) => void>> = {
  "every document is valid": validDocuments,
  "a status moves only on": legalTransitions,
  "a run has at most one open round": (_, after) => oneOpenRound(after),
  "model versions are monotone, one a closed round": versionsGrow,
  "an update is consumed at most once": (_, after) => updatesAreUsedOnce(after),
  "what a round has fixed is what it settles": inputsAreSettled,
  "a closed round never reopens": closedRoundsStay,
  "counts add up": (_, after) => countsAddUp(after),
  "no call is charged twice": (_, after) => costsAreCountedOnce(after),
  "the roster is the fold of outcomes": (_, after) => rosterIsTheFold(after),
  "a budget is exceeded by no more than one round": budgetIsKept,
  "a buffered round carries what is not decided": (_, after) => undecidedIsCarried(after),
  "a version in tiers is of the updates of one of them": (_, after) => tiersKeepApart(after),
  "in a relay one client of a group is at work at a time": (_, after) => turnsAreTaken(after),
};

/** What holds once no function is at work, no task waits and the watchdog has found nothing. */
const SETTLED: Readonly<Record<string, (documents: Documents) => void>> = {
  "a round always ends": roundsAreOver,
  "a run does not wait for what never comes": nothingIsAwaited,
  "every invocation ends, or expires": invocationsHaveEnds,
  "an ended run leaves no update behind": nothingIsLeft,
};

export function checkInvariants(before: Documents, after: Documents): void {
  for (const [rule, holds] of Object.entries(ALWAYS)) named(rule, () => holds(before, after));
}

export function checkSettled(documents: Documents): void {
  for (const [rule, holds] of Object.entries(SETTLED)) named(rule, () => holds(documents));
}

/** What holds while no function is at work and nothing is due yet: time has to pass before anything happens. */
export function checkWaiting(documents: Documents): void {
  named("a run waits for no client that has reported", () => noAwaitedClientHasReported(documents));
}

/** What holds after every step where no function dies and no task vanishes. */
export function checkPrompt(documents: Documents): void {
  named("a tier waits for no other", () => noTierIsHeldUp(documents));
}

/** One whose clients have all answered, with an update at least, is folded. */
function noTierIsHeldUp({ rounds, invocations }: Documents): void {
  const open = rounds.find(({ status }) => status === "training");
  if (open?.tiers === undefined) return;
  const statuses = new Map(invocations.map((one) => [invocationKey(one), one.status]));
  for (const [tier, members] of Map.groupBy(listedIn(open), (one) => one.tier)) {
    const its = members.map((one) => statuses.get(invocationKey(one)));
    const hasUpdate = its.some((status) => status === "reported" || status === "late");
    const isAtWork = its.some((status) => status === "invoked" || status === "training");
    holds(!hasUpdate || isAtWork, `tier ${tier} is done, and round ${open.round} does not close`);
  }
}

function noAwaitedClientHasReported({ run, invocations }: Documents): void {
  const { waiting } = run;
  if (waiting === null) return;
  holds(run.statusReason !== null, "the run waits and says not what for");
  holds(run.openRound === null && run.openRequest.pending, "the run waits and opens nothing");
  if (waiting.what === "score") return;
  holds(waiting.clientIds.length === Math.min(MAX_AWAITED, waiting.count), "those awaited are not counted");
  for (const clientId of waiting.clientIds) {
    const last = invocations.findLast((one) => one.clientId === clientId);
    holds(last?.reportedAt === null, `the run waits for ${clientId}, who has reported`);
  }
}

function named(rule: string, check: () => void): void {
  try {
    check();
  } catch (error) {
    throw new Error(`${rule}: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
}

function roundsAreOver({ run, rounds }: Documents): void {
  holds(run.openRound === null, `round ${run.openRound} is open, and nothing will close it`);
  for (const { round, status, followedUp } of rounds) {
    holds(status === "cancelled" || followedUp, `round ${round} is ${status} and not followed up`);
  }
}

function nothingIsAwaited({ run, rounds }: Documents): void {
  holds(run.status !== "preparing", "the run is being prepared, and no function prepares it");
  holds(run.status !== "running", "the run is running, and nothing will open its next round");
  holds(hasEnded(run) || !run.openRequest.pending, `request ${run.openRequest.number} is lost`);
  holds(!hasEnded(run) || run.swept, "the run is over and not swept");
  const sweptAfterMs = run.swept ? run.updatedAt - (run.endedAt ?? 0) : 0;
  if (run.status === "cancelled" || sweptAfterMs >= SCORE_PATIENCE_MS) return;
  for (const { newVersion, accuracy } of rounds) {
    holds(newVersion === null || accuracy !== null, `version ${newVersion} has no score`);
  }
}

function invocationsHaveEnds({ run, rounds, invocations }: Documents): void {
  const { maxRounds } = run.spec.aggregation.staleness;
  const goOn = new Set(carriedFrom(run.spec, rounds.at(-1) ?? null)?.map(invocationKey));
  for (const { round, clientId, status } of invocations) {
    const where = `${clientId} in round ${round}`;
    // Of a buffered run that was paused, the next round waits for it.
    if (!hasEnded(run) && goOn.has(invocationKey({ round, clientId }))) continue;
    holds(status !== "invoked" && status !== "training", `${where} is waited for after the close`);
    if (status !== "reported" && status !== "late") continue;
    holds(!hasEnded(run), `the update of ${where} waits for a round that never comes`);
    // The next round takes a waiting update in, or expires it.
    holds(run.round + 1 - round <= maxRounds + 1, `the update of ${where} was forgotten`);
  }
}

function nothingIsLeft({ run, updates }: Documents): void {
  holds(!hasEnded(run) || updates.size === 0, `updates are left: ${[...updates].join(", ")}`);
}

/** Not `expect`: there are some thousands of these in a run. */
function holds(condition: boolean, otherwise: string): void {
  if (!condition) throw new Error(otherwise);
}

function same(actual: unknown, expected: unknown, what: string): void {
  if (isDeepStrictEqual(actual, expected)) return;
  throw new Error(`${what}: ${JSON.stringify(actual)} is not ${JSON.stringify(expected)}`);
}

function validDocuments(before: Documents, after: Documents): void {
  const check = <T>(schema: z.ZodType<T>, old: readonly T[], now: readonly T[]) => {
    for (const value of now) {
      holds(old.includes(value) || isValid(schema, value), `not valid: ${JSON.stringify(value)}`);
    }
  };
  check(Run, [before.run], [after.run]);
  check(Round, before.rounds, after.rounds);
  check(Invocation, before.invocations, after.invocations);
  check(RosterShard, before.shards, after.shards);
}

function legalTransitions(before: Documents, after: Documents): void {
  const legal = <S extends string>(what: string, next: Record<S, readonly S[]>, from: S, to: S | undefined) =>
    holds(to !== undefined && (from === to || next[from].includes(to)), `${what}: ${from} became ${to}`);
  legal("run", NEXT_RUN, before.run.status, after.run.status);
  before.rounds.forEach((round, i) => {
    const { status, deadlineAt } = after.rounds[i] ?? {};
    legal(`round ${round.round}`, NEXT_ROUND, round.status, status);
    holds(!round.extended || round.deadlineAt === deadlineAt, `round ${round.round} was extended again`);
  });
  const now = new Map(after.invocations.map((one) => [`${one.round}/${one.clientId}`, one]));
  for (const { round, clientId, status, attempt, chargedUsd } of before.invocations) {
    const where = `${clientId} in round ${round}`;
    const invocation = now.get(`${round}/${clientId}`);
    legal(where, NEXT_INVOCATION, status, invocation?.status);
    const grown = (invocation?.attempt ?? 0) - attempt;
    holds(
      grown === 0 || (grown === 1 && invocation?.status === "training"),
      `${where}: ${grown} attempts more`,
    );
    const claimable = status === "invoked" || status === "training";
    holds(grown === 0 || claimable, `${where} was claimed when it was ${status}`);
    holds((invocation?.chargedUsd ?? 0) >= chargedUsd, `${where} lost a charge`);
  }
}

function oneOpenRound({ run, rounds }: Documents): void {
  const open = rounds.filter(({ status }) => status === "training" || status === "aggregating");
  const numbers = open.map(({ round }) => round);
  same(numbers, run.openRound === null ? [] : [run.openRound], "open rounds");
  rounds.forEach(({ round }, i) => {
    holds(round === i + 1, `round ${round} is at the place of round ${i + 1}`);
  });
  holds(rounds.length === run.round, "run.round is not the last round");
}

function versionsGrow(before: Documents, { run, rounds, models }: Documents): void {
  holds((run.modelVersion ?? 0) >= (before.run.modelVersion ?? 0), "the model version fell");
  let version = 0;
  for (const { round, status, baseVersion, newVersion, consumed } of rounds) {
    holds(baseVersion === version, `round ${round} does not begin with the newest version`);
    same(
      newVersion,
      status === "closed" ? version + 1 : null,
      `version that round ${round} (${status}) made`,
    );
    if (newVersion !== null) same(models.get(newVersion), consumed.map(updateKey), `version ${newVersion}`);
    version = newVersion ?? version;
  }
  holds((run.modelVersion ?? 0) === version, "the run's version is not the last round's");
}

function updatesAreUsedOnce({ run, rounds, invocations }: Documents): void {
  const { maxRounds } = run.spec.aggregation.staleness;
  const users = new Map<string, Round>();
  for (const round of rounds) {
    for (const update of [...round.consumed, ...round.dropped]) {
      const key = updateKey(update);
      holds(!users.has(key), `update ${key} was settled by two rounds`);
      users.set(key, round);
    }
    for (const update of round.consumed) {
      const { staleness } = update;
      holds(staleness === round.round - update.round && staleness <= maxRounds, `staleness ${staleness}`);
    }
    const shares = round.consumed.reduce((sum, update) => sum + update.weight, 0);
    holds(Math.abs(shares - (round.status === "closed" ? 1 : 0)) < 1e-9, `shares sum to ${shares}`);
  }
  for (const invocation of invocations) {
    const update = updateOf(invocation);
    const user = update === null ? undefined : users.get(updateKey(update));
    const { status, consumedInRound } = invocation;
    holds(status !== "consumed" || user?.round === consumedInRound, "marked as consumed by another round");
    const settled = status === "consumed" || status === "rejected" || status === "expired";
    holds(settled || user?.followedUp !== true, "a settled update was not marked");
  }
}

/**
 * Fixed once; and then all of them are settled, or, where the model is carried over, only those that are no
 * good.
 */
function inputsAreSettled(before: Documents, after: Documents): void {
  before.rounds.forEach(({ round, status, inputs }, i) => {
    const now = after.rounds[i];
    if (now === undefined || status !== "aggregating") return;
    if (now.status === "aggregating") {
      holds(inputs === null || isDeepStrictEqual(now.inputs, inputs), `inputs of round ${round} changed`);
      return;
    }
    holds(now.inputs === null, `round ${round} is ${now.status} and keeps its inputs`);
    if (now.status === "cancelled") return;
    const fixed = inputs?.map(updateKey) ?? [];
    const settled = [...now.consumed, ...now.dropped].map(updateKey);
    if (now.status === "closed") same(settled.toSorted(), fixed.toSorted(), `settled by round ${round}`);
    holds(
      settled.every((key) => fixed.includes(key)),
      `round ${round} settled what was not one of its inputs`,
    );
  });
}

/** Of a run that advances by itself: it opens a round only as long as it has spent less. */
function budgetIsKept(before: Documents, after: Documents): void {
  const { budgetUsd } = before.run.spec.stop;
  if (budgetUsd === undefined || before.run.status !== "running") return;
  if (after.rounds.length === before.rounds.length) return;
  const spent = before.run.totals.costUsd;
  holds(spent < budgetUsd, `round ${after.run.round} was opened with ${spent} of ${budgetUsd} USD spent`);
}

/**
 * A round that is over changes no more, but for its score, its costs and the note that it was followed up.
 */
function closedRoundsStay(before: Documents, after: Documents): void {
  before.rounds.forEach((round, i) => {
    const now = after.rounds[i];
    if (now === round || now === undefined || round.closedAt === null) return;
    const { accuracy, loss, metrics, costUsd, costs, followedUp, scoringBackend } = now;
    const scorer = scoringBackend === undefined ? {} : { scoringBackend, metrics };
    const timings = { ...round.timings, evaluateMs: now.timings.evaluateMs };
    same(
      now,
      { ...round, accuracy, loss, ...scorer, costUsd, costs, followedUp, timings },
      `round ${round.round} after its end`,
    );
    const scored = round.accuracy !== null;
    const isCharged = costs.evaluatorUsd !== round.costs.evaluatorUsd;
    holds(!scored || (accuracy === round.accuracy && !isCharged), "a score was counted twice");
    same(costUsd, costUsd === null ? null : totalUsd(costs), `cost of round ${round.round}`);
    holds(followedUp || !round.followedUp, `round ${round.round} is to be followed up again`);
  });
}

function countsAddUp({ run, rounds, invocations }: Documents): void {
  const over = rounds.filter(({ status }) => status === "closed" || status === "degraded");
  for (const { round, cohort: all, relay, carried, counts, outcomes, consumed, eur } of over) {
    const { invoked, inTime, failed, rejected, missed } = counts;
    // In a relay those alone are invited whose turn has come.
    const cohort =
      relay === undefined ? all : invocations.flatMap((one) => (one.round === round ? [one.clientId] : []));
    holds(invoked === cohort.length, `round ${round} invoked ${invoked} of ${cohort.length}`);
    const goOn = outcomes.filter(({ result }) => result === "goes-on").length;
    const decided = outcomes.filter(({ result }) => result !== "goes-on" && result !== "late");
    holds(inTime + failed + rejected + missed === decided.length, `counts of round ${round} do not add up`);
    holds(
      carried !== undefined || (goOn === 0 && decided.length === invoked),
      `round ${round} decides not all`,
    );
    holds(eur === null || (eur >= 0 && eur <= 1), `EUR ${eur}`);
    const own = outcomes.filter((outcome) => outcome.round === round);
    same(own.map(({ clientId }) => clientId).toSorted(), cohort.toSorted(), "clients with an outcome");
    const inTimeIds = new Set(own.filter((one) => one.result === "in-time").map(({ clientId }) => clientId));
    const fresh = consumed.filter((update) => update.round === round);
    holds(
      fresh.every(({ clientId }) => inTimeIds.has(clientId)),
      `round ${round} folded an update of its own that it does not call in time`,
    );
  }
  const sum = (pick: (round: Round) => number) => over.reduce((total, round) => total + pick(round), 0);
  const expected = {
    invoked: sum(({ counts }) => counts.invoked),
    inTime: sum(({ counts }) => counts.inTime),
    late: sum(({ counts }) => counts.late),
    failed: sum(({ counts }) => counts.failed),
    rejected: sum(({ counts }) => counts.rejected),
    missed: sum(({ counts }) => counts.missed),
    costUsd: sumUsd([run.totals.preparationUsd, ...rounds.map(({ costUsd }) => costUsd ?? 0)]),
    preparationUsd: run.totals.preparationUsd,
    wallMs: sum(({ timings }) => timings.wallMs ?? 0),
  };
  same(run.totals, expected, "totals");
  const decided = expected.inTime + expected.failed + expected.rejected + expected.missed;
  same(run.eur, decided === 0 ? null : expected.inTime / decided, "EUR of the run");
}

/**
 * Charged when its round closes (an estimate where it was missed) and, come late, for the rest: never more
 * than it cost.
 */
function costsAreCountedOnce({ rounds, invocations }: Documents): void {
  const charges = new Map<string, number[]>();
  for (const { clientId, round, result, costUsd } of rounds.flatMap(({ outcomes }) => outcomes)) {
    holds(result !== "goes-on" || costUsd === 0, `${clientId} goes on and was charged ${costUsd}`);
    if (result === "goes-on") continue;
    const key = `${round}/${clientId}`;
    charges.set(key, [...(charges.get(key) ?? []), costUsd]);
  }
  for (const { clientId, round, costUsd } of invocations) {
    const [first = 0, rest = 0, ...more] = charges.get(`${round}/${clientId}`) ?? [];
    holds(more.length === 0, `${clientId} in round ${round} was charged three times`);
    holds(
      sumUsd([first, rest]) <= sumUsd([Math.max(first, costUsd ?? 0)]),
      `${clientId} was charged too much`,
    );
  }
}

/** A tier that is at work is left alone, and what other tiers have brought waits for a version of theirs. */
function tiersKeepApart({ run, rounds }: Documents): void {
  const count = tiersOf(run.spec);
  const versions = Array.from({ length: count ?? 0 }, () => 0);
  for (const one of rounds) {
    holds((one.tiers !== undefined) === (count !== null), `round ${one.round} and its tiers`);
    if (one.tiers === undefined || count === null) continue;
    same(one.tiers.flatMap(({ members }) => members).toSorted(), one.cohort.toSorted(), "clients in tiers");
    const atWork = new Set(one.carried?.map(({ tier }) => tier));
    for (const { tier, members } of one.tiers) {
      holds(!atWork.has(tier), `tier ${tier} is at work and was invited again in round ${one.round}`);
      const share = Math.ceil(run.spec.selection.cohortSize / count);
      holds(tier <= count && members.length <= share, `tier ${tier} has ${members.length} clients at work`);
    }
    const tierOf = new Map(listedIn(one).map((at) => [invocationKey(at), at.tier]));
    for (const update of [...one.consumed, ...one.dropped]) {
      const tier = tierOf.get(invocationKey(update));
      holds(tier === one.tier, `round ${one.round} of tier ${one.tier} settled an update of tier ${tier}`);
    }
    const decided = new Set(
      one.outcomes.flatMap((outcome) => (outcome.result === "goes-on" ? [] : [invocationKey(outcome)])),
    );
    for (const at of one.consumed.length === 0 ? [] : listedIn(one)) {
      const isOver = at.tier !== one.tier || decided.has(invocationKey(at));
      holds(
        isOver,
        `round ${one.round} closed with tier ${one.tier} while ${at.clientId} was at work for it`,
      );
    }
    if (one.newVersion === null) continue;
    holds(one.tier !== undefined, `version ${one.newVersion} is of no tier`);
    versions[(one.tier ?? 1) - 1] = (versions[(one.tier ?? 1) - 1] ?? 0) + 1;
  }
  const known = versions.map((_, i) => run.tiers?.[i]?.versions ?? 0);
  same(known, versions, "versions of the tiers");
}

/**
 * Each invocation has one outcome that decides it, and until then it is carried from round to round; no more
 * clients are at work at a time than the run may have, and none twice.
 */
function undecidedIsCarried({ run, rounds, invocations, clients: registered }: Documents): void {
  if (!hasBufferedRounds(run.spec)) return;
  const decided = new Set<string>();
  let undecided: readonly string[] = [];
  for (const one of rounds) {
    same(one.carried?.map(invocationKey), undecided, `what round ${one.round} carries`);
    for (const outcome of one.outcomes) {
      const key = invocationKey(outcome);
      holds(!decided.has(key), `${key} was decided twice`);
      if (outcome.result !== "goes-on") decided.add(key);
    }
    undecided = listedIn(one)
      .map(invocationKey)
      .filter((key) => !decided.has(key));
  }
  const last = rounds.at(-1);
  if (last === undefined) return;
  const places = new Set(
    listedIn(last)
      .filter((place) => !isGone(place, last))
      .map(invocationKey),
  );
  const { cohortSize } = run.spec.selection;
  // Who has left since does nothing more of it; come back, it is a newcomer.
  const changedAt = new Map(
    registered.map((one) => [one.clientId, one.retired ? one.updatedAt : one.registeredAt]),
  );
  const hasLeft = ({ clientId, invokedAt }: Invocation) => (changedAt.get(clientId) ?? 0) > invokedAt;
  const atWork = invocations.filter(
    (one) => isSilent(one) && places.has(invocationKey(one)) && !hasLeft(one),
  );
  holds(atWork.length <= cohortSize, `${atWork.length} clients are at work, of ${cohortSize}`);
  const clients = new Set(atWork.map(({ clientId }) => clientId));
  holds(clients.size === atWork.length, "a client is at work twice");
}

/** One that claimed after its deadline has nothing to do. */
function isSilent({ status, refusedAt }: Invocation): boolean {
  return (status === "invoked" && refusedAt === null) || status === "training";
}

/** After a pause so long that it can be at work no more when the round opens. */
function isGone({ dueAt }: CarriedInvocation, { openedAt }: Round): boolean {
  return dueAt + 540_000 <= openedAt;
}

/**
 * Each turn is taken by the next client of the group, once the one before it has answered or was passed over,
 * and begins from an update of the group that had come by then; what is folded is one chain of each group.
 */
function turnsAreTaken({ rounds, invocations }: Documents): void {
  for (const { round, relay, consumed } of rounds) {
    if (relay === undefined) continue;
    const own = invocations.filter((one) => one.round === round);
    for (const [index, { members }] of relay.groups.entries()) {
      const taken = members.flatMap(({ clientId }) => own.filter((one) => one.clientId === clientId));
      same(
        taken.map((one) => [one.relay?.group, one.relay?.hop]),
        taken.map((_, i) => [index + 1, i + 1]),
        `turns of group ${index + 1} of round ${round}`,
      );
      for (const [i, one] of taken.entries()) {
        const before = taken[i - 1];
        if (before === undefined) continue;
        const isDone = before.reportedAt !== null || before.relay?.skippedAt !== undefined;
        holds(isDone, `${one.clientId} has its turn before that of ${before.clientId} is over`);
        const earlier = taken.slice(0, i).filter(({ relay: turn }) => turn?.skippedAt === undefined);
        holds(
          (one.relay?.from ?? []).every(({ clientId }) =>
            earlier.some((other) => other.clientId === clientId),
          ),
          `${one.clientId} begins from an update that is not good`,
        );
      }
      const folded = consumed.filter(({ group }) => group === index + 1);
      const last = taken.findLast(({ clientId }) => folded.some((one) => one.clientId === clientId));
      if (last === undefined) continue;
      const chain = [...trainedBefore(last, new Map(taken.map((one) => [one.clientId, one]))), last];
      same(
        folded.map(({ clientId }) => clientId).toSorted(),
        chain.map(({ clientId }) => clientId).toSorted(),
        `what is folded of group ${index + 1} of round ${round}`,
      );
    }
  }
}

function rosterIsTheFold({ run, rounds, shards, clients }: Documents): void {
  // What was known of one that has left is gone.
  const stayed = new Set(
    clients.flatMap((one) => (one.retired || one.registeredAt > run.createdAt ? [] : [one.clientId])),
  );
  const ofStayed = (records: RosterShard["clients"]) =>
    Object.fromEntries(Object.entries(records).filter(([clientId]) => stayed.has(clientId)));
  for (const shard of shards) {
    const newcomers = enrol(run.runId, [], clients)[shard.shard];
    if (newcomers === undefined) throw new Error(`Shard ${shard.shard} has no clients.`);
    const folded = rounds.filter(({ round, status }) => round <= shard.foldedRound && status !== "cancelled");
    const expected = folded.reduce(
      (before, round) => foldRound(before, round, run.spec.selection),
      newcomers,
    );
    same(ofStayed(shard.clients), ofStayed(expected.clients), "roster");
  }
  for (const { round, followedUp, outcomes } of rounds) {
    const isFolded = shards.length > 0 && shards.every((shard) => shard.foldedRound >= round);
    // Where all have left there is no roster: one that comes back begins a new one.
    const hasRoster = stayed.size > 0;
    holds(!followedUp || outcomes.length === 0 || isFolded || !hasRoster, `round ${round} was not folded`);
  }
}
