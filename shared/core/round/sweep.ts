// After a run has ended: what becomes of the invocations it leaves behind, and when nobody can be at work for it any more.
import type { Invocation, InvocationStatus } from "../schemas/invocation.ts";
import type { Run } from "../schemas/run.ts";

/** Invocations that a sweep looks at: those without an end, and those whose client may still be at work. */
export const UNSWEPT_STATUSES: readonly InvocationStatus[] = [
  "invoked",
  "training",
  "reported",
  "late",
  "missed",
  "cancelled",
];

export function hasEnded(run: Run): boolean {
  return run.status === "completed" || run.status === "cancelled";
}

/** The invocation of an ended run with an end of its own; null when it has one, or its client may still report. */
export function sweepInvocation(run: Run, invocation: Invocation, nowMs: number): Invocation | null {
  const over = (status: "cancelled" | "expired"): Invocation => ({
    ...invocation,
    status,
    failure: { code: status, message: `the run is ${run.status}` },
    updatedAt: nowMs,
  });
  switch (invocation.status) {
    case "invoked":
      return over("cancelled");
    case "training":
      return atWorkUntil(invocation, nowMs) === null ? over("cancelled") : null;
    case "reported":
    case "late":
      return over("expired");
    default:
      return null;
  }
}

/** Until when (exclusive) the invocation's client may still be at work and upload; null when it cannot be. */
export function atWorkUntil(invocation: Invocation, nowMs: number): number | null {
  if (invocation.claimedAt === null || invocation.reportedAt !== null) return null;
  const untilMs = invocation.claimedAt + invocation.capacity.timeoutSeconds * 1_000;
  return untilMs > nowMs ? untilMs : null;
}

/** The run once nothing of it is left to clean up. */
export function swept(run: Run, nowMs: number): Run {
  return hasEnded(run) && !run.swept ? { ...run, swept: true, updatedAt: nowMs } : run;
}
