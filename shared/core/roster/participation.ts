// How evenly a run uses its clients, by the figure that fairness is usually given in.
import type { Participation } from "../schemas/participation.ts";

/**
 * Jain's fairness index of invitations, (Σx)² ÷ (n Σx²) over the roster: R. Jain, D. Chiu and W. Hawe, "A
 * Quantitative Measure of Fairness and Discrimination for Resource Allocation in Shared Computer Systems",
 * DEC-TR-301, 1984. O(clients).
 *
 * @param roster every client that could be chosen, as of before the round.
 * @param cohort the clients that the round invites.
 * @returns undefined for an empty roster.
 */
export function participation(
  roster: readonly { readonly clientId: string; readonly invocations: number }[],
  cohort: readonly string[],
): Participation | undefined {
  const now = new Set(cohort);
  let [invited, sum, squares] = [0, 0, 0];
  for (const { clientId, invocations } of roster) {
    const times = invocations + (now.has(clientId) ? 1 : 0);
    if (times > 0) invited++;
    sum += times;
    squares += times * times;
  }
  if (roster.length === 0) return undefined;
  const evenness = squares === 0 ? 1 : Math.min(1, (sum * sum) / (roster.length * squares));
  return { clients: roster.length, invited, evenness };
}
