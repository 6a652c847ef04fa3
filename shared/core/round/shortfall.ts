// Why a round got no update from a client, in words for an operator, and what a run says that got none at
// all.
import type { Invocation } from "../schemas/invocation.ts";
import type { Run } from "../schemas/run.ts";

const UNCLAIMED =
  "its function never claimed: check that the client's url can be reached, that its audience and service account are those it is " +
  "registered with, and the log of its function";

/** Why an invocation brought nothing by the close of its round. */
export function missedReason({ claimedAt, failure }: Invocation): string {
  if (failure !== null) return failure.message;
  return claimedAt === null ? UNCLAIMED : "it claimed, and had not reported when its round closed";
}

/**
 * The reason that most of these invocations brought no update for, and how many; null when each brought one.
 */
function commonestReason(
  invocations: readonly Invocation[],
): { readonly reason: string; readonly count: number } | null {
  const counts = new Map<string, { readonly reason: string; readonly count: number }>();
  for (const invocation of invocations) {
    const { status, failure } = invocation;
    if (status !== "failed" && status !== "rejected" && status !== "missed") continue;
    const reason = failure?.message ?? missedReason(invocation);
    const kind = withoutNames(reason, invocation);
    const known = counts.get(kind);
    counts.set(kind, { reason: known?.reason ?? reason, count: (known?.count ?? 0) + 1 });
  }
  return [...counts.values()].sort((a, b) => b.count - a.count)[0] ?? null;
}

/** Reasons that differ in addresses and accounts alone are the same. */
function withoutNames(reason: string, { url }: Invocation): string {
  return reason.replaceAll(url, "…").replaceAll(/[^\s@]+@[^\s@]+/g, "…");
}

/** Room for a reason on the run's document. */
const REASON_LENGTH = 500;

/**
 * Why a run that has come to its end is a failure, in words; null for one that made a version of its model.
 *
 * @param last invocations of its last round.
 */
export function nothingLearned(run: Run, last: readonly Invocation[]): string | null {
  if (run.round === 0 || run.modelVersion !== 0) return null;
  const { invoked, failed, rejected, missed } = run.totals;
  const commonest = commonestReason(last);
  const why =
    commonest === null
      ? ""
      : ` In round ${run.round}, ${commonest.count} of ${last.length} for this reason: ${commonest.reason.slice(0, REASON_LENGTH).toWellFormed()}`;
  return `no round made a version: of ${invoked} invocations ${failed} failed, ${rejected} were rejected and ${missed} were missed.${why}`;
}
