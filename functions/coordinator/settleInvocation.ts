// Gives invocations their end, and charges their run and rounds what is still due.
import { priceTables } from "../../shared/core/cost/prices.ts";
import { FlError } from "../../shared/core/errors.ts";
import { refs } from "../../shared/core/ports/store.ts";
import type { WorkedOn } from "../../shared/core/roster/reports.ts";
import { owes, settle } from "../../shared/core/round/settle.ts";
import type { Invocation } from "../../shared/core/schemas/invocation.ts";
import type { Run } from "../../shared/core/schemas/run.ts";
import type { CoordinatorDeps } from "./deps.ts";

const PRICES = priceTables["cloud-run-2026"];

/** Invocations read at once, and settled in one transaction. */
const [READ_AT_ONCE, SETTLED_AT_ONCE] = [500, 100];

/**
 * Settles those of these invocations whose calls are over and that owe something, some in a transaction. One
 * that cannot be read is left out, and named in the log as it is listed; no other client's round is affected.
 * Repeating it changes nothing.
 *
 * @returns whether anything was settled.
 */
export async function settleEnded(
  runId: string,
  ended: readonly WorkedOn[],
  deps: CoordinatorDeps,
): Promise<boolean> {
  const { store, nowMs } = deps;
  const owing: Invocation[] = [];
  for (let start = 0; start < ended.length; start += READ_AT_ONCE) {
    const some = ended.slice(start, start + READ_AT_ONCE);
    const { items } = await store.list(some.map((at) => refs.invocation(runId, at.round, at.clientId)));
    owing.push(...items.filter((invocation) => owes(invocation, nowMs(), PRICES)));
  }
  for (const [round, invocations] of Map.groupBy(owing, (invocation) => invocation.round)) {
    for (let start = 0; start < invocations.length; start += SETTLED_AT_ONCE) {
      await settleSome(runId, round, invocations.slice(start, start + SETTLED_AT_ONCE), deps);
    }
  }
  return owing.length > 0;
}

async function settleSome(
  runId: string,
  roundNumber: number,
  invocations: readonly Invocation[],
  { store, nowMs, log }: CoordinatorDeps,
): Promise<void> {
  const [runRef, roundRef] = [refs.run(runId), refs.round(runId, roundNumber)];
  const invocationRefs = invocations.map(({ clientId }) => refs.invocation(runId, roundNumber, clientId));
  try {
    await store.transact("sweep-invocation", async (transaction) => {
      let run = await transaction.get(runRef);
      let round = await transaction.get(roundRef);
      const current = await transaction.getAll(invocationRefs);
      for (const [i, ref] of invocationRefs.entries()) {
        const invocation = current[i] ?? null;
        if (run === null || round === null || invocation === null) continue;
        const settled = settle(run, round, invocation, nowMs(), PRICES);
        if (settled === null) continue;
        ({ run, round } = settled);
        transaction.set(ref, settled.invocation);
      }
      if (run !== null) transaction.set(runRef, run);
      if (round !== null) transaction.set(roundRef, round);
    });
  } catch (error) {
    if (!(error instanceof FlError) || error.code !== "data-loss") throw error;
    log.error("calls that ended are not charged", { runId, round: roundNumber, error });
  }
}

/**
 * In one transaction, because its client may be reporting at this very moment. Repeating it changes nothing.
 *
 * @param end what becomes of it besides, null for nothing.
 */
export async function settleInvocation(
  runId: string,
  { round: roundNumber, clientId }: WorkedOn,
  { store, nowMs }: CoordinatorDeps,
  end: (run: Run, invocation: Invocation) => Invocation | null = () => null,
): Promise<void> {
  const [runRef, roundRef] = [refs.run(runId), refs.round(runId, roundNumber)];
  const ref = refs.invocation(runId, roundNumber, clientId);
  await store.transact("sweep-invocation", async (transaction) => {
    const run = await transaction.get(runRef);
    const round = await transaction.get(roundRef);
    const invocation = await transaction.get(ref);
    if (run === null || round === null || invocation === null) return;
    const ended = end(run, invocation);
    const settled = settle(run, round, ended ?? invocation, nowMs(), PRICES);
    if (settled !== null) {
      transaction.set(runRef, settled.run);
      transaction.set(roundRef, settled.round);
    }
    const swept = settled?.invocation ?? ended;
    if (swept !== null) transaction.set(ref, swept);
  });
}
