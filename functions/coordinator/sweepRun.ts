// Cleans up after a run that has ended: invocations without an end, updates that will never be folded.

import { removeAll } from "../../shared/cloud/objects/removeAll.ts";
import { found, readRun } from "../../shared/cloud/store/found.ts";
import { priceTables } from "../../shared/core/cost/prices.ts";
import { FlError } from "../../shared/core/errors.ts";
import { isPublished } from "../../shared/core/methods/selection/options.ts";
import { clientStateShape } from "../../shared/core/methods/training/clientState.ts";
import { type Page, refs } from "../../shared/core/ports/store.ts";
import type { TaskBody } from "../../shared/core/protocol/tasks.ts";
import {
  clientOfState,
  clientStateObject,
  clientStatesOf,
  updatesOf,
} from "../../shared/core/round/objects.ts";
import { invokeTask } from "../../shared/core/round/open.ts";
import { settle } from "../../shared/core/round/settle.ts";
import {
  atWorkUntil,
  hasEnded,
  isLeftBehind,
  linksUntil,
  scoreAwaitedUntil,
  sweepInvocation,
  swept,
} from "../../shared/core/round/sweep.ts";
import { expectedScores } from "../../shared/core/round/watch.ts";
import type { Round } from "../../shared/core/schemas/round.ts";
import type { Run } from "../../shared/core/schemas/run.ts";
import type { CoordinatorDeps } from "./deps.ts";
import { settleEnded, settleInvocation } from "./settleInvocation.ts";
import { someAtATime } from "./someAtATime.ts";

/**
 * Looks again once the last client that may still be at work must have ended, and while a version awaits its
 * score; and once more, for the objects alone, when no link to upload can be used any more. Repeating a sweep
 * changes nothing.
 */
export async function sweepRun(task: TaskBody<"sweep">, deps: CoordinatorDeps): Promise<string> {
  const { store, objects, dispatch, nowMs } = deps;
  const run = await readRun(store, task.runId);
  if (!hasEnded(run)) return `the run is ${run.status}`;
  const rounds = await roundsLeftBehind(run, deps);
  await requireFollowedUp(rounds.at(0), deps);
  const { atWorkMs, linksMs } = await endInvocations(run, rounds, deps);
  if (task.pass === 1) await settleOverlooked(run, rounds.at(-1)?.round ?? run.round + 1, deps);
  await removeAll(objects, updatesOf(run.runId), "remove-update");
  await removeIdleStates(run, deps);
  const lookAgain = (atMs: number) =>
    dispatch([{ kind: "sweep", runId: run.runId, pass: task.pass + 1, atMs }]);
  // What is uploaded by links that are still valid will never be read.
  const lookLast = () => (linksMs === null ? undefined : lookAgain(linksMs));
  if (run.swept) {
    await lookLast();
    return "it is swept already";
  }
  if (atWorkMs !== null) {
    await lookAgain(atWorkMs);
    return "a client may still be at work";
  }
  const scoredMs = await awaitedUntil(run, task.pass, deps);
  if (scoredMs !== null) {
    await lookAgain(scoredMs);
    return "a version awaits its score";
  }
  const { writeAllBlocks } = await import("./writeSeries.ts");
  await writeAllBlocks(run, deps);
  await store.transact("finish-sweep", async (transaction) => {
    const ref = refs.run(run.runId);
    const current = await transaction.get(ref);
    if (current !== null) transaction.set(ref, swept(current, nowMs()));
  });
  await lookLast();
  return "nothing is left";
}

/** The last first. */
async function roundsLeftBehind(run: Run, { store, nowMs }: CoordinatorDeps): Promise<readonly Round[]> {
  const rounds: Round[] = [];
  for (let number = run.round; number >= 1; number--) {
    const round = found(
      await store.get(refs.round(run.runId, number)),
      `round ${number} of run ${run.runId}`,
    );
    if (!isLeftBehind(run, round, nowMs())) break;
    rounds.push(round);
  }
  return rounds;
}

/** Removes what clients have kept and no report has counted: each client's last state stays. */
async function removeIdleStates({ runId, spec, model }: Run, deps: CoordinatorDeps): Promise<void> {
  const { store, objects } = deps;
  if (model === null || clientStateShape(spec.training, model.parameters).length === 0) return;
  let pageToken: string | undefined;
  do {
    const page = await objects.list(clientStatesOf(runId), pageToken === undefined ? {} : { pageToken });
    const clientIds = [...new Set(page.objects.map(({ name }) => clientOfState(runId, name)))];
    const states = await store.list(clientIds.map((clientId) => refs.clientState(runId, clientId)));
    const kept = new Set(states.items.map((state) => clientStateObject(runId, state)));
    // Which object of these counts is unknown until their document is repaired.
    const unknown = new Set(states.unreadable.map(({ name }) => name));
    const idle = page.objects.filter(
      ({ name }) => !kept.has(name) && !unknown.has(clientOfState(runId, name)),
    );
    await someAtATime(idle, ({ name }) => objects.remove(name, { step: "remove-update" }));
    pageToken = page.nextPageToken;
  } while (pageToken !== undefined);
}

/**
 * What the last round has consumed is first to be marked as such: a sweep would take it for an update left
 * over.
 */
async function requireFollowedUp(
  last: Round | undefined,
  { dispatchMissing }: CoordinatorDeps,
): Promise<void> {
  if (last === undefined || last.status === "cancelled" || last.followedUp) return;
  const { runId, round } = last;
  await dispatchMissing([{ kind: "aggregate", runId, round }]);
  throw new FlError("unavailable", `Round ${round} of run ${runId} is not followed up yet.`);
}

/**
 * No later step looks after a swept run, so its scores are waited for, within limits. Returns when to look
 * again, or null.
 */
async function awaitedUntil(
  run: Run,
  pass: number,
  { store, dispatchMissing, nowMs }: CoordinatorDeps,
): Promise<number | null> {
  const awaited = expectedScores(run, await store.unscoredRounds(run.runId));
  const untilMs = awaited.length === 0 ? null : scoreAwaitedUntil(run, pass, nowMs());
  if (untilMs !== null) await dispatchMissing(awaited);
  return untilMs;
}

interface Untils {
  /** Until when some client may still be at work; null when none can be. */
  readonly atWorkMs: number | null;
  /** Until when some link to upload can be used. */
  readonly linksMs: number | null;
}

async function endInvocations(run: Run, rounds: readonly Round[], deps: CoordinatorDeps): Promise<Untils> {
  const { store, calls, nowMs } = deps;
  const prices = priceTables["cloud-run-2026"];
  let [atWorkMs, linksMs]: [number | null, number | null] = [null, null];
  for (const round of rounds) {
    const refOf = (clientId: string) => refs.invocation(run.runId, round.round, clientId);
    const { items } = await store.list(round.cohort.map(refOf));
    const silent = items.filter(({ status }) => status === "invoked" || status === "training");
    await someAtATime(silent, (invocation) => calls.callOff(invokeTask(invocation)));
    for (const invocation of items) {
      const ended = sweepInvocation(run, invocation, nowMs());
      if (ended !== null || settle(run, round, invocation, nowMs(), prices) !== null) {
        await settleInvocation(run.runId, invocation, deps, (run, one) => sweepInvocation(run, one, nowMs()));
      }
      atWorkMs = latest(atWorkMs, atWorkUntil(invocation, nowMs()));
      linksMs = latest(linksMs, linksUntil(invocation, nowMs()));
    }
  }
  return { atWorkMs, linksMs };
}

/** Rounds looked at together. */
const ROUNDS_AT_ONCE = 50;

/**
 * Charges calls of earlier rounds that no opening saw end: those of clients that were retired meanwhile,
 * which the roster has forgotten, and those of clients that were invited again while at work, of which it
 * knows the last call only.
 *
 * @param before the first round that the sweep itself looks at.
 */
async function settleOverlooked(run: Run, before: number, deps: CoordinatorDeps): Promise<void> {
  const { store } = deps;
  const isOverlooked = await overlookedClients(run, deps);
  if (isOverlooked === null || before <= 1) return;
  let cursor: string | null = null;
  do {
    const page: Page<Round> = await store.listRounds(run.runId, {
      limit: ROUNDS_AT_ONCE,
      ...(cursor === null ? {} : { cursor }),
    });
    for (const { round, outcomes } of page.items) {
      if (round >= before) return;
      const silent = outcomes.filter((outcome) => outcome.round === round && outcome.result === "missed");
      await settleEnded(
        run.runId,
        silent.filter(({ clientId }) => isOverlooked(clientId)),
        deps,
      );
    }
    cursor = page.nextCursor;
  } while (cursor !== null);
}

/** Null where there are none, as in nearly every run. */
async function overlookedClients(
  { spec, createdAt }: Run,
  { store }: CoordinatorDeps,
): Promise<((clientId: string) => boolean) | null> {
  if (isPublished(spec.selection)) return () => true;
  const retired = new Set<string>();
  for await (const client of store.clientsChangedSince(createdAt)) {
    if (client.retired) retired.add(client.clientId);
  }
  return retired.size === 0 ? null : (clientId) => retired.has(clientId);
}

function latest(a: number | null, b: number | null): number | null {
  return a === null ? b : b === null ? a : Math.max(a, b);
}
