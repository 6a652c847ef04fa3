// What a late update counts for. Its staleness is the number of rounds between the one it was made in and the
// one that takes it in: 0 is in time.
import * as z from "zod";
import { FlError } from "../../errors.ts";
import { MAX_ROUND } from "../../schemas/ids.ts";

const maxRounds = z
  .number()
  .int()
  .min(0)
  .max(MAX_ROUND)
  .default(2)
  .describe(
    "Rounds after its own in which a late update still joins; 0 to 50, or more with round.buffer or fedat.",
  );

export const Staleness = z.discriminatedUnion("weight", [
  z.strictObject({
    weight: z.literal("paper").describe("FedLesScan's t_k / t: late counts for less early in a run."),
    maxRounds,
  }),
  z.strictObject({
    weight: z.literal("polynomial").describe("(1 + staleness)^-exponent, as in FedBuff and FedAsync."),
    exponent: z.number().min(0).max(10).default(0.5).describe("How fast the weight falls; 0 is constant."),
    maxRounds,
  }),
  z.strictObject({ weight: z.literal("constant").describe("1, however late."), maxRounds }),
]);
export type StalenessOptions = z.infer<typeof Staleness>;

/**
 * A weight in (0, 1], 1 for staleness 0. Aggregators divide by the sum of the weights, so only their ratios
 * matter.
 * - `paper`: FedLesScan's t_k / t with rounds counted from 1, as here (its code counts from 0 and adds 1 to
 *   both): a late update counts for less early in a run than late in it.
 * - `polynomial`: (1 + staleness)^-exponent, as in FedBuff and FedAsync; exponent >= 0, customarily 0.5.
 * - `constant`: 1, however late.
 *
 * `round` (from 1) is the one that takes the update in; `staleness` is an integer in 0..round-1. Throws
 * `invalid-argument` otherwise. Whether the update may be used at all is for `isUsable` to say.
 */
export function stalenessWeight(options: StalenessOptions, staleness: number, round: number): number {
  if (!Number.isInteger(round) || !Number.isInteger(staleness) || staleness < 0 || staleness >= round) {
    throw new FlError("invalid-argument", `Staleness ${staleness} is impossible in round ${round}.`);
  }
  switch (options.weight) {
    case "paper":
      return (round - staleness) / round;
    case "polynomial":
      return (1 + staleness) ** -options.exponent;
    case "constant":
      return 1;
  }
}

/** Whether an update of this staleness may still join: up to `maxRounds`, inclusive. Older ones expire. */
export function isUsable(staleness: number, maxRounds: number): boolean {
  return staleness >= 0 && staleness <= maxRounds;
}
