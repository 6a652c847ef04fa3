// What a run should have under way: for a watchdog, which asks for whatever of it is neither waiting nor
// being done.

import type { Command } from "../protocol/commands.ts";
import type { Invocation } from "../schemas/invocation.ts";
import type { Round } from "../schemas/round.ts";
import type { Run } from "../schemas/run.ts";
import { pendingCommands } from "./control.ts";
import { closeTask, isCalled, tasksOfRound } from "./open.ts";
import { afterPublish } from "./publish.ts";
import { isRelay, passTask, turnsUnderWay } from "./relay.ts";
import { hasEnded, MAX_WORK_MS } from "./sweep.ts";

/**
 * A client that has not claimed for so long is looked after; before that, its task is most likely just in the
 * queue.
 */
export const CLAIM_GRACE_MS = 60_000;

/**
 * The commands whose tasks must exist for the run to go on.
 *
 * @param round the last round opened; null before the first.
 * @param unclaimed its invocations that are `invoked`, and those it carries whose deadline is to come; of a
 *   relay all of its invocations.
 * @param unscored closed rounds without a score, this or others.
 */
export function expectedCommands(
  run: Run,
  round: Round | null,
  unclaimed: readonly Invocation[],
  unscored: readonly Round[],
  nowMs: number,
): readonly Command[] {
  const unscoredAgain = expectedScores(run, unscored);
  if (hasEnded(run) && nowMs < sweptUntil(run)) return unscoredAgain;
  const pending = [...unscoredAgain, ...pendingCommands(run)];
  if (round === null || run.status === "cancelled") return pending;
  switch (round.status) {
    case "training": {
      const overdue = unclaimed.filter((one) => isCalled(one) && nowMs - one.invokedAt >= CLAIM_GRACE_MS);
      const turns = isRelay(round) ? turnsUnderWay(round, unclaimed, nowMs).flatMap(passTask) : [];
      return [
        ...unscoredAgain,
        ...turns,
        ...(overdue.length === 0 ? [closeTask(round)] : tasksOfRound(round, overdue)),
      ];
    }
    case "aggregating":
      return [...unscoredAgain, { kind: "aggregate", runId: run.runId, round: round.round }];
    case "closed":
    case "degraded":
      // The aggregator's task asks for what follows, once it has folded the roster.
      return round.followedUp
        ? pending
        : [...unscoredAgain, { kind: "aggregate", runId: run.runId, round: round.round }];
    case "cancelled":
      return pending;
  }
}

/**
 * Once a round is followed up, its version is being scored, unless that is done or was given up. Of a
 * cancelled run no score is awaited.
 *
 * @param unscored closed rounds without a score.
 */
export function expectedScores(run: Run, unscored: readonly Round[]): readonly Command[] {
  if (run.status === "cancelled") return [];
  return unscored
    .filter(({ followedUp }) => followedUp)
    .flatMap((round) => afterPublish(run, round).filter(({ kind }) => kind === "evaluate"));
}

/**
 * Until then a sweep may be waiting for clients that are still at work; where it is lost, that is soon
 * enough.
 */
function sweptUntil({ endedAt, updatedAt }: Run): number {
  return (endedAt ?? updatedAt) + MAX_WORK_MS + CLAIM_GRACE_MS;
}
