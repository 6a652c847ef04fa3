// The schedule of the learning rate as a spec names it.
import * as z from "zod";

const warmupRounds = z
  .number()
  .int()
  .min(0)
  .max(9_999)
  .default(0)
  .describe(
    "Rounds in which the learning rate rises in equal steps to the full one, which the round after them has; the schedule begins there.",
  );

export const LearningRateSchedule = z
  .discriminatedUnion("kind", [
    z.strictObject({
      kind: z.literal("constant").describe("`learningRate` after the warm-up."),
      warmupRounds,
    }),
    z.strictObject({
      kind: z.literal("step").describe("`factor` times less after every `everyRounds`."),
      everyRounds: z.number().int().min(1).max(9_999).describe("Rounds with the same learning rate."),
      factor: z
        .number()
        .gt(0)
        .max(1)
        .default(0.1)
        .describe("What the learning rate is multiplied with after them."),
      warmupRounds,
    }),
    z.strictObject({
      kind: z.literal("cosine").describe("Half a cosine from `learningRate` down to `floor` of it."),
      rounds: z.number().int().min(1).max(9_999).describe("Rounds until it is down; it stays there."),
      floor: z
        .number()
        .min(0)
        .max(1)
        .default(0)
        .describe("Share of the learning rate that is left at the end; with 0, later rounds learn nothing."),
      warmupRounds,
    }),
  ])
  .describe("How the learning rate changes from round to round; where absent it does not.")
  .meta({ id: "LearningRateSchedule" });
export type LearningRateSchedule = z.infer<typeof LearningRateSchedule>;
