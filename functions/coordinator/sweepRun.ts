// Cleans up after a run that has ended: invocations without an end, updates that nobody will fold.
import { removeAll } from "../../shared/cloud/objects/removeAll.ts";
import { refs } from "../../shared/core/ports/store.ts";
import { roundsInReach } from "../../shared/core/round/inbox.ts";
import { updatesOf } from "../../shared/core/round/objects.ts";
import {
  atWorkUntil,
  hasEnded,
  sweepInvocation,
  swept,
  UNSWEPT_STATUSES,
} from "../../shared/core/round/sweep.ts";
import type { Invocation } from "../../shared/core/schemas/invocation.ts";
import type { Run } from "../../shared/core/schemas/run.ts";
import type { SweepTask } from "../../shared/core/schemas/tasks.ts";
import type { CoordinatorDeps } from "./deps.ts";
import { found } from "./documents.ts";

/** Looks again once the last client that may still be at work must have ended. Repeating a sweep changes nothing. */
export async function sweepRun(task: SweepTask, deps: CoordinatorDeps): Promise<string> {
  const { store, objects, dispatch, nowMs } = deps;
  const run = found(await store.get(refs.run(task.runId)), `run ${task.runId}`);
  if (!hasEnded(run)) return `the run is ${run.status}`;
  if (run.swept) return "it is swept already";
  const untilMs = await endInvocations(run, deps);
  await removeAll(objects, updatesOf(run.runId), "remove-update");
  if (untilMs !== null) {
    await dispatch([{ kind: "sweep", runId: run.runId, pass: task.pass + 1, atMs: untilMs }]);
    return "a client may still be at work";
  }
  await store.transact("finish-sweep", async (transaction) => {
    const ref = refs.run(run.runId);
    const current = await transaction.get(ref);
    if (current !== null) transaction.set(ref, swept(current, nowMs()));
  });
  return "nothing is left";
}

/** Returns until when some client may still be at work, or null. */
async function endInvocations(run: Run, { store, nowMs }: CoordinatorDeps): Promise<number | null> {
  let untilMs: number | null = null;
  for (const round of roundsInReach(run, run.round + 1)) {
    for (const { clientId } of await store.invocationsByStatus(run.runId, round, UNSWEPT_STATUSES)) {
      const ref = refs.invocation(run.runId, round, clientId);
      const left = await store.transact(
        "sweep-invocation",
        async (transaction): Promise<Invocation | null> => {
          const invocation = await transaction.get(ref);
          if (invocation === null) return null;
          const ended = sweepInvocation(run, invocation, nowMs());
          if (ended !== null) transaction.set(ref, ended);
          return invocation;
        },
      );
      const until = left === null ? null : atWorkUntil(left, nowMs());
      if (until !== null) untilMs = Math.max(untilMs ?? 0, until);
    }
  }
  return untilMs;
}
