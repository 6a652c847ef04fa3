// Signals: numbers by name that a client's report brings for the selection strategy of its run, such as a
// loss.
import * as z from "zod";

/** Signals that one report brings at most. */
export const MAX_SIGNALS = 16;

/** Signals that a strategy reads at most: they are kept for every client of a run. */
export const MAX_SIGNALS_READ = 4;

export const SignalName = z
  .string()
  .regex(/^[A-Za-z0-9-]{1,40}$/, "use 1 to 40 letters, digits and hyphens, such as loss-before");

export const Signals = z
  .record(SignalName, z.number().min(-1e30).max(1e30))
  .refine((signals) => Object.keys(signals).length <= MAX_SIGNALS, `at most ${MAX_SIGNALS} signals`)
  .meta({ id: "Signals", description: "Numbers by name that a client reports, such as a loss." });
export type Signals = z.infer<typeof Signals>;
