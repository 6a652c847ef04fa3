// While a round is folded: wakes the clients that the next one is likely to invite. Nothing waits for it, and
// a call that is lost costs the next round a cold start and no more.
import { found, readRound } from "../../shared/cloud/store/found.ts";
import { priceTables } from "../../shared/core/cost/prices.ts";
import { refs } from "../../shared/core/ports/store.ts";
import type { TaskBody } from "../../shared/core/protocol/tasks.ts";
import { foldRound } from "../../shared/core/roster/fold.ts";
import {
  type ColdClient,
  expectedOutcomes,
  mayPrewarm,
  prewarmCandidates,
  prewarmed,
  warmCommands,
} from "../../shared/core/round/prewarm.ts";
import type { Round } from "../../shared/core/schemas/round.ts";
import type { Run } from "../../shared/core/schemas/run.ts";
import { MAX_COHORT } from "../../shared/core/schemas/spec.ts";
import type { CoordinatorDeps } from "./deps.ts";
import { registeredClients } from "./documents.ts";
import { readRoster } from "./roster.ts";

/** Returns what came of it, in words. Repeating it calls the same clients, by the same names. */
export async function prewarm(task: TaskBody<"prewarm">, deps: CoordinatorDeps): Promise<string> {
  const { store, dispatch } = deps;
  const { run, round } = await readRound(store, task.runId, task.round);
  if (!mayPrewarm(run, round)) return "there is no next round to prepare";
  const cold = round.prewarmed === undefined ? await coldClients(run, round, deps) : [];
  const ids = round.prewarmed?.clientIds ?? cold.map(({ clientId }) => clientId);
  const { clients } = await registeredClients(ids, deps);
  const decided = await store.transact("prewarm", async (transaction) => {
    const ref = refs.round(task.runId, task.round);
    const current = found(await transaction.get(ref), `round ${task.round} of run ${task.runId}`);
    if (!mayPrewarm(run, current)) return null;
    if (current.prewarmed !== undefined) return current;
    const next = prewarmed(current, cold, clients, priceTables["cloud-run-2026"]);
    if (next !== current) transaction.set(ref, next);
    return next;
  });
  if (decided === null) return "the next round is about to open";
  const calls = warmCommands(decided, clients);
  await dispatch(calls);
  return `${calls.length} clients are pre-warmed`;
}

async function coldClients(
  run: Run,
  round: Round,
  { store, nowMs }: CoordinatorDeps,
): Promise<readonly ColdClient[]> {
  const { runId } = run;
  const before = round.round === 1 ? null : await store.get(refs.round(runId, round.round - 1));
  const cohort = await store.list(
    round.cohort.map((clientId) => refs.invocation(runId, round.round, clientId)),
  );
  const expected = { ...round, outcomes: [...expectedOutcomes(round, cohort.items)] };
  const { roster } = await readRoster(run, before?.rosterAsOfAt ?? 0, store, (shard) =>
    foldRound(shard, expected, run.spec.selection),
  );
  const candidates = { roster, state: round.selectionState, limit: MAX_COHORT };
  return prewarmCandidates(run, round, candidates, nowMs());
}
