// What a run should have under way: for a watchdog, which asks for whatever of it is neither waiting nor being done.
import type { Invocation } from "../schemas/invocation.ts";
import type { Round } from "../schemas/round.ts";
import type { Run } from "../schemas/run.ts";
import type { Command } from "./commands.ts";
import { pendingCommands } from "./control.ts";
import { closeTask, tasksOfRound } from "./open.ts";
import { afterPublish } from "./publish.ts";

/** A client that has not claimed for so long is looked after; before that, its task is most likely just in the queue. */
export const CLAIM_GRACE_MS = 60_000;

/**
 * The commands whose tasks must exist for the run to go on.
 *
 * @param round the last round opened; null before the first.
 * @param unclaimed its invocations that are `invoked`.
 */
export function expectedCommands(
  run: Run,
  round: Round | null,
  unclaimed: readonly Invocation[],
  nowMs: number,
): readonly Command[] {
  const pending = pendingCommands(run);
  if (round === null || run.status === "cancelled") return pending;
  switch (round.status) {
    case "training": {
      const overdue = unclaimed.filter(({ invokedAt }) => nowMs - invokedAt >= CLAIM_GRACE_MS);
      return overdue.length === 0 ? [closeTask(round)] : tasksOfRound(round, overdue);
    }
    case "aggregating":
      return [{ kind: "aggregate", runId: run.runId, round: round.round }];
    case "closed":
    case "degraded": {
      // The aggregator's task asks for what follows, once it has folded the roster.
      if (!round.followedUp) return [{ kind: "aggregate", runId: run.runId, round: round.round }];
      const scores = afterPublish(run, round).filter(({ kind }) => kind === "evaluate");
      return [...scores, ...pending];
    }
    case "cancelled":
      return pending;
  }
}
