// How fast a client trains, as a roster keeps it.
import * as z from "zod";

/** The longest time that is believed: 30 days. */
export const MAX_PACE_MS = 2_592_000_000;

/** A client's work takes fixedMs + epochMs × epochs. */
export const Pace = z.strictObject({
  fixedMs: z.number().min(0).max(MAX_PACE_MS).describe("Of an invocation whatever it trains."),
  epochMs: z.number().min(0).max(MAX_PACE_MS),
  reports: z.number().int().min(1).describe("That it was learned from."),
});
export type Pace = z.infer<typeof Pace>;
