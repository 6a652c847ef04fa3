// What a run shows while only a person can help it: a missing right, a wrong deployment.
import type { Run } from "../schemas/run.ts";

const WORDS = "Needs a person: ";
/** Room for the reason that an operator reads. */
const REASON_LENGTH = 2_000;

/**
 * The run with what is missing behind its own reason; itself where that stands there already. Where its own
 * reason says it, nothing is added.
 */
export function needingPerson(run: Run, reason: string, nowMs: number): Run {
  const own = ownReason(run);
  if (own?.includes(reason)) return helped(run);
  const text = `${WORDS}${reason}`.slice(0, REASON_LENGTH).toWellFormed();
  const statusReason = own === null ? text : `${own} ${text}`;
  return statusReason === run.statusReason ? run : { ...run, statusReason, updatedAt: nowMs };
}

/** The run without it, once the step has been taken. */
export function helped(run: Run): Run {
  const statusReason = ownReason(run);
  return statusReason === run.statusReason ? run : { ...run, statusReason };
}

function ownReason({ statusReason }: Run): string | null {
  const end = statusReason?.indexOf(WORDS) ?? -1;
  if (statusReason === null || end === -1) return statusReason;
  return statusReason.slice(0, end).trimEnd() || null;
}
