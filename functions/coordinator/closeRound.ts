// Stops a round's waiting: when all that it waits for is in, or at its deadline.
import { found, readRound, readRun } from "../../shared/cloud/store/found.ts";
import { FlError } from "../../shared/core/errors.ts";
import { refs } from "../../shared/core/ports/store.ts";
import type { FoundTask } from "../../shared/core/ports/taskQueue.ts";
import type { Command } from "../../shared/core/protocol/commands.ts";
import type { TaskBody } from "../../shared/core/protocol/tasks.ts";
import { isBuffered, listedIn, roundsAwaited } from "../../shared/core/round/buffered.ts";
import {
  answeredInstead,
  closeRound,
  givenUp,
  leftCalling,
  quorumCount,
  type RoundCounts,
} from "../../shared/core/round/close.ts";
import { closeTask, invokeTask } from "../../shared/core/round/open.ts";
import { isAtItsTurn, isRelayOver, mayBeOver, UNANSWERED } from "../../shared/core/round/relay.ts";
import { dueTier, isTiered, mayBeDue } from "../../shared/core/round/tiers.ts";
import type { Invocation, InvocationStatus } from "../../shared/core/schemas/invocation.ts";
import type { Round } from "../../shared/core/schemas/round.ts";
import type { Run } from "../../shared/core/schemas/run.ts";
import type { CoordinatorDeps } from "./deps.ts";
import { registeredClients } from "./documents.ts";
import { someAtATime } from "./someAtATime.ts";

/**
 * After a report: one count query shows most reports that there is nothing to close yet. Of a round that was
 * closed already the task is asked for again: the call that closed it may have died before the task was
 * queued.
 *
 * @param run of which only the spec is looked at.
 */
export async function closeIfComplete(run: Run, round: Round, deps: CoordinatorDeps): Promise<void> {
  if (round.status === "aggregating") {
    await deps.dispatch([{ kind: "aggregate", runId: run.runId, round: round.round }]);
  }
  if (round.status !== "training") return;
  if (!(await mayBeComplete(run, round, deps))) return;
  // The client that reported is not to blame where the queue does not answer; the task at the deadline does
  // it again.
  const withoutBlame = async <T>(act: () => Promise<T>): Promise<T | null> =>
    act().catch((error: unknown) => {
      deps.log.warn("calls are not called off yet", { runId: run.runId, round: round.round, error });
      return null;
    });
  // Clients of a buffered round go on, and so do the calls on their way to them.
  const calls = isBuffered(round)
    ? []
    : ((await withoutBlame(() => unclaimedCalls(run.runId, round.round, deps))) ?? []);
  await deps.dispatch(await close(run, round, "report", calls, deps));
  await withoutBlame(() => callOff(calls, deps));
}

/** Of a relay in training: closes it where every group has had its turns. */
export async function closeIfRelayOver(run: Run, round: Round, deps: CoordinatorDeps): Promise<void> {
  const { store, nowMs } = deps;
  if (await isSomebodyAtItsTurn(run, round, deps)) return;
  const { items } = await store.list(
    round.cohort.map((clientId) => refs.invocation(run.runId, round.round, clientId)),
  );
  const invited = new Set(items.map(({ clientId }) => clientId));
  const { clients } = await registeredClients(
    round.cohort.filter((clientId) => !invited.has(clientId)),
    deps,
  );
  if (!isRelayOver(round, items, (clientId) => clients.has(clientId), nowMs())) return;
  await deps.dispatch(await close(run, round, "report", [], deps, true));
}

/** Of a relay: one count query shows it at most ends of a group, and at others those without an answer do. */
async function isSomebodyAtItsTurn(
  { runId, spec }: Run,
  { round: number, openedAt }: Round,
  { store, nowMs }: CoordinatorDeps,
): Promise<boolean> {
  const unanswered = await store.countInvocations(runId, number, UNANSWERED);
  const known = mayBeOver({ openedAt }, spec.round.deadlineSeconds, unanswered, nowMs());
  if (known !== null) return !known;
  return (await store.invocationsByStatus(runId, number, UNANSWERED)).some(isAtItsTurn);
}

/** The one that a report to a buffered run may complete, whichever round it is of; null between rounds. */
export async function openRoundOf(runId: string, { store }: CoordinatorDeps): Promise<Round | null> {
  const { openRound } = await readRun(store, runId);
  return openRound === null ? null : store.get(refs.round(runId, openRound));
}

async function mayBeComplete(run: Run, round: Round, { store, nowMs }: CoordinatorDeps): Promise<boolean> {
  const quorum = quorumCount(round.wanted, run.spec.round);
  if (!isBuffered(round)) {
    const answered = await store.countInvocations(run.runId, round.round, ["reported", "failed"]);
    return answered >= Math.min(round.cohort.length, quorum);
  }
  if (isTiered(round)) {
    const counts = roundsAwaited(round).map(
      async (number) =>
        [number, await store.countInvocations(run.runId, number, ["invoked", "training"])] as const,
    );
    return mayBeDue(round, new Map(await Promise.all(counts)), nowMs());
  }
  const { reported, failed } = await countAnswers(round, store);
  return reported >= quorum || reported + failed >= listedIn(round).length;
}

/**
 * What a round has so far. Of a buffered round the rounds before it are followed up, so that those of their
 * invocations whose updates wait, or whose clients are at work, are those that it carries.
 */
async function countAnswers(round: Round, store: CoordinatorDeps["store"]): Promise<RoundCounts> {
  const { runId } = round;
  const count = async (...statuses: InvocationStatus[]): Promise<number> => {
    const counts = roundsAwaited(round).map((number) => store.countInvocations(runId, number, statuses));
    return (await Promise.all(counts)).reduce((sum, one) => sum + one, 0);
  };
  if (!isBuffered(round)) {
    const [reported, failed] = await Promise.all([count("reported"), count("failed")]);
    return { reported, failed };
  }
  const [reported, atWork] = await Promise.all([count("reported", "late"), count("invoked", "training")]);
  return { reported, failed: Math.max(0, listedIn(round).length - reported - atWork) };
}

/** The invocations that a round waits for, each as it is now; those that cannot be read are left out. */
async function listAnswers(round: Round, { store }: CoordinatorDeps): Promise<readonly Invocation[]> {
  const listed = listedIn(round).map((at) => refs.invocation(round.runId, at.round, at.clientId));
  return (await store.list(listed)).items;
}

/**
 * The calls that a quorum did not wait for. A task that the queue does not know may be about to be queued;
 * whether it was is checked at the deadline.
 */
async function unclaimedCalls(
  runId: string,
  round: number,
  deps: CoordinatorDeps,
): Promise<readonly SilentCall[]> {
  const calls = await silentCalls(runId, round, ["invoked"], deps);
  return calls.filter(({ found: task }) => task !== null);
}

/**
 * At the deadline's task. Returns what came of it, in words; repeating it repeats only its tasks. Also where
 * the round has closed before, no client that has not answered is called any more.
 */
export async function closeAtDeadline(task: TaskBody<"close-round">, deps: CoordinatorDeps): Promise<string> {
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
  const calls = await silentCalls(task.runId, task.round, ["invoked", "training", "missed"], deps);
  const commands = await close(run, round, "deadline", calls, deps);
  await deps.dispatch(commands);
  const goesOn = commands.some(({ kind }) => kind === "close-round");
  if (!goesOn) await callOff(calls, deps);
  if (isTiered(round) && round.status !== "training") {
    // It was the deadline of clients that went on: the open round may have waited for them alone.
    const open = await openRoundOf(task.runId, deps);
    if (open !== null) await closeIfComplete(run, open, deps);
  }
  return commands[0]?.kind ?? `round is ${round.status}`;
}

/**
 * @param known the round as it was read: what it waits for does not change.
 * @param relayIsOver of a relay: every group has had its turns, of which there are no more then.
 */
async function close(
  run: Run,
  known: Round,
  cause: "report" | "deadline",
  calls: readonly SilentCall[],
  deps: CoordinatorDeps,
  relayIsOver = false,
): Promise<readonly Command[]> {
  const { store, nowMs, log } = deps;
  const { runId } = run;
  const { round: roundNumber } = known;
  const { reported, failed } = await countAnswers(known, store);
  const answers = isTiered(known) && known.status === "training" ? await listAnswers(known, deps) : null;
  const ref = refs.round(runId, roundNumber);
  // Of one that has claimed and goes on there is nothing to note, and it may be reporting at this moment.
  const noted = calls.filter(({ attempt, found: task }) => attempt === 0 || task === null);
  return store.transact("close-round", async (transaction): Promise<readonly Command[]> => {
    const round = found(await transaction.get(ref), `round ${roundNumber} of run ${runId}`);
    const silent = await transaction.getAll(
      noted.map(({ clientId }) => refs.invocation(runId, roundNumber, clientId)),
    );
    // Another call moved it on, and may have died before queueing what follows.
    if (round.status === "aggregating") return [{ kind: "aggregate", runId, round: roundNumber }];
    const due = answers === null ? null : dueTier(round, answers, nowMs());
    const verdict = closeRound(round, run.spec, { reported, failed, relayIsOver, due }, cause, nowMs());
    const isOpen = round.status === "training";
    if (verdict.kind === "wait") {
      if (isOpen) return cause === "deadline" ? [closeTask(round)] : [];
      // Whose clients went on: this is their own deadline.
      if (cause !== "deadline" || !isBuffered(round)) return [];
    } else transaction.set(ref, verdict.round);
    for (const [i, invocation] of silent.entries()) {
      const call = noted[i];
      // A claim since is a call of its own.
      if (call === undefined || invocation === null || invocation.attempt !== call.attempt) continue;
      const after = noteCall(invocation, call, verdict.kind !== "extend", nowMs());
      if (after === null) continue;
      transaction.set(refs.invocation(runId, roundNumber, invocation.clientId), after);
      if (after.failure === null) continue;
      log.warn("client's call brought no report", {
        runId,
        round: roundNumber,
        clientId: invocation.clientId,
        reason: after.failure.message,
      });
    }
    if (verdict.kind === "wait") return [];
    if (verdict.kind === "extend") return verdict.commands;
    log.info("round stops waiting", {
      runId,
      round: roundNumber,
      reason: verdict.round.closeReason,
      reported,
      failed,
    });
    return verdict.commands;
  });
}

/** An unanswered call, and what the queue knows about it. */
interface SilentCall {
  readonly clientId: string;
  readonly attempt: number;
  readonly command: Command;
  /** Null once the queue has given it up. */
  readonly found: FoundTask | null;
}

function noteCall(
  invocation: Invocation,
  { found: task }: SilentCall,
  closes: boolean,
  nowMs: number,
): Invocation | null {
  if (task === null) return givenUp(invocation, nowMs);
  if (task.sentAtMs === null) return answeredInstead(invocation, task.lastAnswer, nowMs);
  return closes ? leftCalling(invocation, task.sentAtMs, nowMs) : null;
}

/** The invocations of these statuses without a report. */
async function silentCalls(
  runId: string,
  round: number,
  statuses: readonly InvocationStatus[],
  { store, calls }: CoordinatorDeps,
): Promise<readonly SilentCall[]> {
  const invocations = await store.invocationsByStatus(runId, round, statuses);
  const silent = invocations.filter(({ reportedAt }) => reportedAt === null);
  return someAtATime(silent, async (invocation) => {
    const command = invokeTask(invocation);
    const { clientId, attempt } = invocation;
    return { clientId, attempt, command, found: await calls.find(command) };
  });
}

/** Calls on their way continue; no client is called again. */
async function callOff(silent: readonly SilentCall[], { calls }: CoordinatorDeps): Promise<void> {
  const called = silent.filter(({ found: task }) => task !== null);
  await someAtATime(called, ({ command }) => calls.callOff(command));
}
