// When an update is too late for its round, as selection needs to know it.
import type { RoundSpec } from "../../schemas/spec.ts";

/** From the round's opening, at most; null where clients stop in time and submit what they have. */
export function lateAfterMs({ onDeadline, deadlineSeconds }: RoundSpec): number | null {
  return onDeadline === "finish-late" ? 1_000 * deadlineSeconds : null;
}
