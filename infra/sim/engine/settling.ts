// Charges calls that end without a report once they are over, and computes the cost of those still under way,
// as the coordinator does when it opens a round.
import { sumUsd } from "../../../shared/core/cost/cost.ts";
import { isBuffered } from "../../../shared/core/round/buffered.ts";
import { owes, settle, unchargedUsd } from "../../../shared/core/round/settle.ts";
import type { Invocation } from "../../../shared/core/schemas/invocation.ts";
import type { HeldRound, World } from "./world.ts";

/** Remembers those of a published round whose calls may go on. */
export function rememberSilent(world: World, held: HeldRound): void {
  const earlier = (held.round.carried ?? []).flatMap(({ round, clientId }) => {
    const of = world.held.get(round);
    const invocation = of?.invocations.get(clientId);
    return of === undefined || invocation === undefined ? [] : [[of.round, invocation] as const];
  });
  const own = [...held.invocations.values()].map((invocation) => [held.round, invocation] as const);
  for (const [round, invocation] of [...earlier, ...own]) {
    const { reportedAt, claimedAt, callUntilAt, status } = invocation;
    const goesOn = isBuffered(round) && (status === "invoked" || status === "training");
    if (reportedAt !== null || (claimedAt === null && callUntilAt === null && !goesOn)) continue;
    world.silent.set(invocation.clientId, { round, invocation, goesOn });
  }
}

/** A report that comes when its round is out of reach ends its call all the same. */
export function endSilent(world: World, clientId: string, round: number): void {
  const call = world.silent.get(clientId);
  if (call === undefined || call.round.round !== round) return;
  world.silent.set(clientId, { ...call, invocation: { ...call.invocation, endedAt: world.nowMs } });
}

/** Charges what is over. @returns USD that calls which go on have cost beyond what is charged. */
export function settleEnded(world: World): number {
  const owedUsd: number[] = [];
  for (const [clientId, invocation] of silentNow(world)) {
    const { claimedAt, callUntilAt } = invocation;
    // What a later round decides is charged there.
    const isDecided = world.silent.get(clientId)?.goesOn !== true;
    const goesOn = !isDecided || (claimedAt === null && (callUntilAt ?? 0) > world.nowMs);
    if (!goesOn && owes(invocation, world.nowMs, world.input.prices)) {
      charge(world, clientId, invocation, world.nowMs);
    } else owedUsd.push(unchargedUsd(invocation, world.nowMs, world.input.prices));
  }
  return sumUsd(owedUsd);
}

/**
 * Charges all of it, at the end of the run: to its function's time-out, or to when the client of a buffered
 * run, which goes on, will have finished.
 */
export function settleAll(world: World): void {
  for (const [clientId, invocation] of silentNow(world)) {
    const end = world.ends.get(clientId);
    const goesOn = world.silent.get(clientId)?.goesOn === true && end?.round === invocation.round;
    if (goesOn) charge(world, clientId, { ...invocation, endedAt: end.atMs }, end.atMs);
    else charge(world, clientId, invocation, Number.MAX_SAFE_INTEGER);
  }
}

/** As they are now. A call that was reported since is charged by the round that takes its update in. */
function silentNow(world: World): readonly (readonly [string, Invocation])[] {
  return [...world.silent].flatMap(([clientId, { round, invocation }]) => {
    const now = world.held.get(round.round)?.invocations.get(clientId) ?? invocation;
    if (now.reportedAt === null) return [[clientId, now] as const];
    world.silent.delete(clientId);
    return [];
  });
}

function charge(world: World, clientId: string, invocation: Invocation, nowMs: number): void {
  const call = world.silent.get(clientId);
  world.silent.delete(clientId);
  if (call === undefined) return;
  const settled = settle(world.run, call.round, invocation, nowMs, world.input.prices);
  if (settled === null) return;
  world.input.onSettled?.(sumUsd([settled.run.totals.costUsd, -world.run.totals.costUsd]));
  world.run = { ...settled.run, updatedAt: world.run.updatedAt };
}
