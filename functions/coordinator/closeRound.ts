// Stops a round's waiting: when all that it waits for is in, or at its deadline.
import { FlError } from "../../shared/core/errors.ts";
import { refs } from "../../shared/core/ports/store.ts";
import { closeRound, givenUp, quorumCount } from "../../shared/core/round/close.ts";
import type { Command } from "../../shared/core/round/commands.ts";
import { closeTask, invokeTask } from "../../shared/core/round/open.ts";
import { afterWaiting } from "../../shared/core/round/prewarm.ts";
import type { Invocation } from "../../shared/core/schemas/invocation.ts";
import type { Round } from "../../shared/core/schemas/round.ts";
import type { Run } from "../../shared/core/schemas/run.ts";
import type { CloseRoundTask } from "../../shared/core/schemas/tasks.ts";
import type { CoordinatorDeps } from "./deps.ts";
import { found, readRound } from "./documents.ts";

/**
 * After a report: one count query tells most reports that there is nothing to close yet. Of a round that was closed already
 * the task is asked for again: whoever closed it may have died before it was queued.
 *
 * @param run of which only the spec is looked at.
 */
export async function closeIfComplete(run: Run, round: Round, deps: CoordinatorDeps): Promise<void> {
  if (round.status === "aggregating") {
    await deps.dispatch([{ kind: "aggregate", runId: run.runId, round: round.round }]);
  }
  if (round.status !== "training") return;
  const answered = await deps.store.countInvocations(run.runId, round.round, ["reported", "failed"]);
  if (answered < Math.min(round.cohort.length, quorumCount(round.wanted, run.spec.round))) return;
  await deps.dispatch(await close(run, round.round, "report", deps));
}

/** At the deadline's task. Returns what came of it, in words; repeating it repeats only its tasks. */
export async function closeAtDeadline(task: CloseRoundTask, deps: CoordinatorDeps): Promise<string> {
  const { run, round } = await readRound(deps.store, task.runId, task.round);
  if (round.status === "training") {
    if (task.pass === 1 && round.extended) {
      await deps.dispatch([closeTask(round)]);
      return "extended already";
    }
    const early = round.deadlineAt - deps.nowMs();
    if (early > 0) {
      throw new FlError("unavailable", `Round ${task.round} is due in ${early} ms.`, {
        retry: { afterMs: early },
      });
    }
  }
  const commands = await close(run, task.round, "deadline", deps);
  await deps.dispatch(commands);
  return commands[0]?.kind ?? `round is ${round.status}`;
}

async function close(
  run: Run,
  roundNumber: number,
  cause: "report" | "deadline",
  deps: CoordinatorDeps,
): Promise<readonly Command[]> {
  const { store, nowMs, log } = deps;
  const { runId } = run;
  const [reported, failed] = await Promise.all([
    store.countInvocations(runId, roundNumber, ["reported"]),
    store.countInvocations(runId, roundNumber, ["failed"]),
  ]);
  const ref = refs.round(runId, roundNumber);
  const over = cause === "deadline" ? await endedCalls(runId, roundNumber, deps) : [];
  return store.transact("close-round", async (transaction): Promise<readonly Command[]> => {
    const round = found(await transaction.get(ref), `round ${roundNumber} of run ${runId}`);
    const silent = await transaction.getAll(
      over.map(({ clientId }) => refs.invocation(runId, roundNumber, clientId)),
    );
    // Somebody moved it on and may have died before saying so.
    if (round.status === "aggregating") return [{ kind: "aggregate", runId, round: roundNumber }];
    const verdict = closeRound(round, run.spec.round, { reported, failed }, cause, nowMs());
    if (verdict.kind === "wait")
      return cause === "deadline" && round.status === "training" ? [closeTask(round)] : [];
    transaction.set(ref, verdict.round);
    for (const [i, invocation] of silent.entries()) {
      // A claim since is a call of its own.
      if (invocation === null || invocation.attempt !== over[i]?.attempt) continue;
      const ended = givenUp(invocation, nowMs());
      if (ended === null) continue;
      transaction.set(refs.invocation(runId, roundNumber, invocation.clientId), ended);
      log.warn("client's call ended without a report", {
        runId,
        round: roundNumber,
        clientId: invocation.clientId,
        reason: ended.failure?.message,
      });
    }
    if (verdict.kind === "extend") return [closeTask(verdict.round)];
    log.info("round stops waiting", {
      runId,
      round: roundNumber,
      reason: verdict.round.closeReason,
      reported,
      failed,
    });
    return afterWaiting(run, verdict.round);
  });
}

/** Questions to the queue at once. */
const PARALLEL = 20;

/** The invocations that nobody has reported and whose calls the queue knows nothing of any more. */
async function endedCalls(
  runId: string,
  round: number,
  { store, isUnderWay }: CoordinatorDeps,
): Promise<readonly Invocation[]> {
  const silent = await store.invocationsByStatus(runId, round, ["invoked", "training"]);
  const ended: Invocation[] = [];
  for (let start = 0; start < silent.length; start += PARALLEL) {
    const some = silent.slice(start, start + PARALLEL);
    const called = await Promise.all(some.map((invocation) => isUnderWay(invokeTask(invocation))));
    ended.push(...some.filter((_, i) => called[i] === false));
  }
  return ended;
}
