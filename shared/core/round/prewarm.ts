// Pre-warming clients ahead of the next round: who is likely to be in it, what that costs, and whether it is
// worth asking for.
import { invocationCost, sumUsd } from "../cost/cost.ts";
import type { PriceTable } from "../cost/prices.ts";
import { expectedColdStart, isIdle } from "../methods/selection/coldStart.ts";
import { type Candidates, selectCohort } from "../methods/selection/selectCohort.ts";
import type { Command } from "../protocol/commands.ts";
import type { Client } from "../schemas/client.ts";
import type { Invocation } from "../schemas/invocation.ts";
import type { Outcome, Round } from "../schemas/round.ts";
import type { Run } from "../schemas/run.ts";
import { updateOf } from "./inbox.ts";
import { cohortOutcomes } from "./outcomes.ts";
import { stopReason } from "./stop.ts";

/** Weight of the newest cold start in what a client's next one is expected to take. */
const TIME_SMOOTHING = 0.5;

/**
 * Clients that one round pre-warms: their names stand on its document, which stays below Firestore's 1 MiB.
 */
export const MAX_PREWARMED = 500;

/** Whether there is a next round to prepare, and time: while this one is being folded. */
export function mayPrewarm(run: Run, round: Round): boolean {
  return (
    run.spec.round.prewarm !== undefined &&
    run.status === "running" &&
    run.openRound === round.round &&
    round.status === "aggregating" &&
    stopReason(run) === null
  );
}

/**
 * What will be written of the round's own invocations if no more of them report and every update is sound.
 */
export function expectedOutcomes(round: Round, cohort: readonly Invocation[]): readonly Outcome[] {
  const inputs = cohort.flatMap((invocation) => updateOf(invocation) ?? []);
  return cohortOutcomes(round, cohort, { inputs, rejected: [], estimateUsd: () => 0 });
}

export interface ColdClient {
  readonly clientId: string;
  /** How long it should take to start. */
  readonly coldStartMs: number;
}

/**
 * Clients that would be invited if the next round opened now, and have been idle, by name: up to
 * `MAX_PREWARMED`.
 */
export function prewarmCandidates(
  run: Run,
  round: Round,
  candidates: Candidates,
  nowMs: number,
): readonly ColdClient[] {
  const { prewarm } = run.spec.round;
  if (prewarm === undefined) return [];
  const { idleSeconds } = prewarm;
  const cohort = new Set(selectCohort(run, round.round + 1, candidates, nowMs).cohort);
  const options = { timeSmoothing: TIME_SMOOTHING, idleSeconds };
  const coldStartMs = expectedColdStart(candidates.roster, nowMs, options);
  return candidates.roster
    .filter((client) => cohort.has(client.clientId) && isIdle(client, nowMs, idleSeconds))
    .slice(0, MAX_PREWARMED)
    .map((client) => ({ clientId: client.clientId, coldStartMs: coldStartMs(client) }));
}

/**
 * The round with what pre-warming these clients costs, and who they are. One that is not registered any more
 * is left out.
 */
export function prewarmed(
  round: Round,
  cold: readonly ColdClient[],
  clients: ReadonlyMap<string, Pick<Client, "capacity">>,
  prices: PriceTable,
): Round {
  const called = cold.flatMap(({ clientId, coldStartMs }) => {
    const client = clients.get(clientId);
    if (client === undefined) return [];
    const durationMs = Math.min(coldStartMs, client.capacity.timeoutSeconds * 1_000);
    return [{ clientId, costUsd: invocationCost({ durationMs, ...client.capacity }, prices) }];
  });
  if (called.length === 0) return round;
  return {
    ...round,
    prewarmed: {
      clientIds: called.map(({ clientId }) => clientId),
      costUsd: sumUsd(called.map(({ costUsd }) => costUsd)),
    },
  };
}

/** One call for each client that is to be pre-warmed. */
export function warmCommands(
  { runId, round, prewarmed: called }: Round,
  clients: ReadonlyMap<string, Pick<Client, "url">>,
): readonly Command[] {
  return (called?.clientIds ?? []).flatMap((clientId): Command[] => {
    const client = clients.get(clientId);
    return client === undefined ? [] : [{ kind: "warm", runId, round: round + 1, clientId, url: client.url }];
  });
}
