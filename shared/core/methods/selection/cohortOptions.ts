// What every strategy's options have in common: how many clients a round wants, and how many more it invites.
import * as z from "zod";
import { Labels } from "../../schemas/client.ts";

export const cohortOptions = {
  cohortSize: z
    .int()
    .min(1)
    .max(100_000)
    .describe(
      "Clients a round, at most 1,000 outside of the simulator; fewer when fewer are free. With `round.buffer`: clients at work at a time.",
    ),
  overSelect: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe(
      "Share of clients invited on top of cohortSize, whose updates need not be awaited; none where absent.",
    ),
  clients: z
    .strictObject({
      labels: Labels.describe("Only clients with all of these labels, and these values, are considered."),
    })
    .optional()
    .describe("Which of the registered clients the run is for; all where absent."),
};

/** Which clients a run is for. */
export interface ClientWish {
  readonly labels: Readonly<Record<string, string>>;
}

export interface CohortOptions {
  readonly cohortSize: number;
  readonly overSelect?: number | undefined;
}

/** Clients to invite, so that `cohortSize` updates come in although some will not. At most `limit`. */
export function invitedCount({ cohortSize, overSelect = 0 }: CohortOptions, limit: number): number {
  // 10 × 1.1 is a little more than 11 in floating point.
  return Math.min(Math.max(cohortSize, limit), Math.ceil(cohortSize * (1 + overSelect) - 1e-9));
}

/** Updates that a round of `invited` clients is for: those invited on top of `cohortSize` are spares. */
export function wantedCount(invited: number, { cohortSize }: CohortOptions): number {
  return Math.min(invited, cohortSize);
}
