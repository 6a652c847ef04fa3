// Gives an invocation its end, and charges its run and round what it owes.
import { priceTables } from "../../shared/core/cost/prices.ts";
import { refs } from "../../shared/core/ports/store.ts";
import type { WorkedOn } from "../../shared/core/roster/reports.ts";
import { settle } from "../../shared/core/round/settle.ts";
import type { Invocation } from "../../shared/core/schemas/invocation.ts";
import type { Run } from "../../shared/core/schemas/run.ts";
import type { CoordinatorDeps } from "./deps.ts";

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
    const settled = settle(run, round, ended ?? invocation, nowMs(), priceTables["cloud-run-2026"]);
    if (settled !== null) {
      transaction.set(runRef, settled.run);
      transaction.set(roundRef, settled.round);
    }
    const swept = settled?.invocation ?? ended;
    if (swept !== null) transaction.set(ref, swept);
  });
}
