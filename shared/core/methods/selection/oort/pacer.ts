// Oort's pacer: slower clients are welcome once the fast ones have little left to teach.
import * as z from "zod";
import type { RosterEntry } from "../strategy.ts";
import type { OortOptions } from "./face.ts";
import { statisticalUtility } from "./utility.ts";

export const OortState = z.strictObject({
  percent: z.number().min(0).max(100).describe("Of the known clients so many are fast enough."),
  utilities: z
    .array(z.number())
    .max(400)
    .describe("Mean statistical utility of the last cohorts' updates, the oldest first."),
});
export type OortState = z.infer<typeof OortState>;

/** The state for a round, from that of the round before and from what its cohort has brought. */
export function paced(
  state: OortState | null | undefined,
  clients: readonly RosterEntry[],
  round: number,
  { pacer: { startPercent, stepPercent, everyRounds } }: OortOptions,
): OortState {
  const before = state ?? { percent: startPercent, utilities: [] };
  if (round === 1) return { percent: before.percent, utilities: [] };
  const utilities = [...before.utilities, utilityOfRound(clients, round - 1)].slice(-2 * everyRounds);
  const isDue = utilities.length === 2 * everyRounds && (round - 1) % everyRounds === 0;
  const fell = isDue && sum(utilities.slice(0, everyRounds)) > sum(utilities.slice(everyRounds));
  return { percent: fell ? Math.min(100, before.percent + stepPercent) : before.percent, utilities };
}

/** To six digits: states are small. */
function utilityOfRound(clients: readonly RosterEntry[], round: number): number {
  const brought = clients.flatMap((client) =>
    client.lastSelectedRound === round && client.missedRounds.at(-1) !== round
      ? (statisticalUtility(client) ?? [])
      : [],
  );
  return brought.length === 0 ? 0 : Number((sum(brought) / brought.length).toPrecision(6));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
