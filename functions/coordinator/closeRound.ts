// Stops a round's waiting: when all that it waits for is in, or at its deadline.
import { FlError } from "../../shared/core/errors.ts";
import { refs } from "../../shared/core/ports/store.ts";
import { closeRound, quorumCount } from "../../shared/core/round/close.ts";
import type { Command } from "../../shared/core/round/commands.ts";
import { closeTask } from "../../shared/core/round/open.ts";
import { afterWaiting } from "../../shared/core/round/prewarm.ts";
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
  { store, nowMs, log }: CoordinatorDeps,
): Promise<readonly Command[]> {
  const { runId } = run;
  const [reported, failed] = await Promise.all([
    store.countInvocations(runId, roundNumber, ["reported"]),
    store.countInvocations(runId, roundNumber, ["failed"]),
  ]);
  const ref = refs.round(runId, roundNumber);
  return store.transact("close-round", async (transaction): Promise<readonly Command[]> => {
    const round = found(await transaction.get(ref), `round ${roundNumber} of run ${runId}`);
    // Somebody moved it on and may have died before saying so.
    if (round.status === "aggregating") return [{ kind: "aggregate", runId, round: roundNumber }];
    const verdict = closeRound(round, run.spec.round, { reported, failed }, cause, nowMs());
    if (verdict.kind === "wait")
      return cause === "deadline" && round.status === "training" ? [closeTask(round)] : [];
    transaction.set(ref, verdict.round);
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
