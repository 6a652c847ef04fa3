// A client reports: its invocation ends, and the last report that a round waits for closes the round.

import type { Principal } from "../../shared/cloud/auth/verifyIdToken.ts";
import { meterCall } from "../../shared/cloud/callCost.ts";
import { readRun } from "../../shared/cloud/store/found.ts";
import { costOfReport } from "../../shared/core/cost/clientCall.ts";
import { priceTables } from "../../shared/core/cost/prices.ts";
import { refs } from "../../shared/core/ports/store.ts";
import { isPortable, PORTABLE_TENSORS } from "../../shared/core/ports/trainer.ts";
import { hasBufferedRounds } from "../../shared/core/round/buffered.ts";
import { stateAfterReport } from "../../shared/core/round/clientState.ts";
import { clientStateObject, updateObject } from "../../shared/core/round/objects.ts";
import { isRelay } from "../../shared/core/round/relay.ts";
import { report, type StoredUpdate } from "../../shared/core/round/report.ts";
import type { Invocation } from "../../shared/core/schemas/invocation.ts";
import type { Receipt, ReportRequest } from "../../shared/core/schemas/protocol.ts";
import type { Round } from "../../shared/core/schemas/round.ts";
import type { Run } from "../../shared/core/schemas/run.ts";
import type { ClientCalls } from "./clientCalls.ts";
import { closeIfComplete, openRoundOf } from "./closeRound.ts";
import type { CoordinatorDeps } from "./deps.ts";
import { checkOwner } from "./documents.ts";
import { passOnAfter } from "./passOn.ts";
import { wakeRun } from "./wakeRun.ts";

export async function reportInvocation(
  request: ReportRequest,
  caller: Principal,
  calls: ClientCalls,
  deps: CoordinatorDeps,
): Promise<Receipt> {
  const { runId, round: roundNumber, clientId } = request;
  const ref = refs.invocation(runId, roundNumber, clientId);
  const costSoFar = meterCall(deps);
  const [settings, round, known] = await Promise.all([
    calls.settings(runId),
    calls.round(runId, roundNumber),
    deps.store.get(ref),
  ]);
  const stored = await storedUpdate(request, checkOwner(known, caller), deps);
  // Only a late report depends on how far the run has come.
  const run = round.status === "training" ? settings : await readRun(deps.store, runId);
  const namesState = request.result.kind === "update" && request.result.clientState !== undefined;
  const stateRef = refs.clientState(runId, clientId);
  const { decision, reportedAt, idleState } = await deps.store.transact("report", async (transaction) => {
    const invocation = checkOwner(await transaction.get(ref), caller);
    const state = namesState ? await transaction.get(stateRef) : null;
    const nowMs = deps.nowMs();
    const costUsd = costOfReport(
      invocation,
      request.timings,
      costSoFar(),
      nowMs,
      priceTables["cloud-run-2026"],
    );
    const decision = report(run, round, invocation, request, stored, costUsd, nowMs);
    const nextState = stateAfterReport(state, request, decision.receipt, nowMs);
    if (decision.invocation !== null) transaction.set(ref, decision.invocation);
    if (nextState !== null) transaction.set(stateRef, nextState);
    return {
      decision,
      reportedAt: (decision.invocation ?? invocation).reportedAt,
      idleState: nextState === null ? request : state,
    };
  });
  // A repeated report finds its invocation done; what it was to cause may still be missing.
  const isNews = decision.invocation !== null;
  if (isNews && stored !== null && decision.receipt.status === "failed") {
    // It will never be read.
    await deps.objects.remove(updateObject(runId, request), { step: "remove-update" });
  }
  if (namesState && isNews && idleState !== null) {
    await deps.objects.remove(clientStateObject(runId, idleState), { step: "remove-update" });
  }
  const backend = isNews ? decision.invocation?.training?.backend : undefined;
  if (backend !== undefined && isPortable(backend)) {
    // The client may belong to another organisation, whose log cannot be read here.
    deps.log.warn(PORTABLE_TENSORS, { runId, round: roundNumber, clientId, backend });
  }
  await calls.following(round, isNews, clientId, () => afterReport(run, round, clientId, reportedAt, deps));
  return decision.receipt;
}

/** Looked up where it may count: a repeated report brings nothing new. */
async function storedUpdate(
  { runId, round, clientId, attempt, result }: ReportRequest,
  { status }: Invocation,
  { objects }: CoordinatorDeps,
): Promise<StoredUpdate | null> {
  if (result.kind === "failure" || (status !== "training" && status !== "missed")) return null;
  const [update, state] = await Promise.all([
    objects.stat(updateObject(runId, { round, clientId, attempt })),
    result.clientState && objects.stat(clientStateObject(runId, { round, clientId, attempt })),
  ]);
  return update && { ...update, ...(state === undefined ? {} : { clientState: state }) };
}

/**
 * What follows once a client has reported: a round that waits for no more closes, a run that waits for
 * clients looks again.
 */
export async function afterReport(
  run: Run,
  round: Round,
  clientId: string,
  reportedAt: number | null,
  deps: CoordinatorDeps,
): Promise<void> {
  if (isRelay(round)) {
    await Promise.all([
      passOnAfter(run, round, clientId, deps),
      reportedAt === null ? undefined : wakeRun(run.runId, reportedAt, deps),
    ]);
    return;
  }
  const waiting = hasBufferedRounds(run.spec) ? await openRoundOf(run.runId, deps) : round;
  await Promise.all([
    waiting === null ? undefined : closeIfComplete(run, waiting, deps),
    reportedAt === null ? undefined : wakeRun(run.runId, reportedAt, deps),
  ]);
}
