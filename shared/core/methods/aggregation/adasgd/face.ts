// AdaSGD as a spec names it.
import * as z from "zod";
import type { Face, SpecFacts } from "../../face.ts";
import { sharedOptions } from "../sharedOptions.ts";
import { Staleness } from "../staleness.ts";

export const AdasgdOptions = z.strictObject({
  strategy: z
    .literal("adasgd")
    .describe(
      "The mean of the updates, each damped exponentially by its staleness, with a boost for rare labels.",
    ),
  serverLearningRate: z
    .number()
    .positive()
    .max(100)
    .default(1)
    .describe("What a step of the server counts times."),
  usualStaleness: z
    .number()
    .min(1)
    .max(9_999)
    .default(12)
    .describe(
      "The staleness that few updates exceed, such as the 90th percentile of a run's: damping ends there, and from 1.5 times that on an update is boosted.",
    ),
  usualShare: z
    .number()
    .gt(0)
    .lt(1)
    .optional()
    .describe(
      "As in the paper: the share of all updates so far that are no later than usual, instead of `usualStaleness`, which holds until 1 / (1 − share) are known.",
    ),
  boost: z
    .enum(["none", "by-labels"])
    .default("none")
    .describe(
      "`by-labels`: late updates of labels that the model has seen little of count for more. It asks clients how many of their samples have each label, which tells something of their data: a client answers only where its owner set MAX_LABEL_COUNTS. Without an answer an update is not boosted.",
    ),
  ...sharedOptions,
  staleness: Staleness.default({ weight: "constant", maxRounds: 50 }).describe(
    "One older than maxRounds rounds expires; what it counts for is `usualStaleness`'s affair, whatever `weight` says.",
  ),
});
export type AdasgdOptions = z.infer<typeof AdasgdOptions>;

export const face = {
  name: "adasgd",
  title: "AdaSGD",
  paper:
    "Damaskinos, Guerraoui, Kermarrec, Nitu, Patra, Taïani: FLeet: Online Federated Learning via Staleness Awareness and Performance Prediction, Middleware 2020",
  options: AdasgdOptions,
  needsWhole: true,
  asksLabels: (options: { readonly strategy: string }) => "boost" in options && options.boost === "by-labels",
  usualShare: (options: { readonly strategy: string }) => AdasgdOptions.parse(options).usualShare ?? null,
  problems({ aggregation, training }: SpecFacts) {
    const { boost } = AdasgdOptions.parse(aggregation);
    if (boost === "none" || training["loss"] === "sparseCategoricalCrossentropy") return [];
    const message =
      "by-labels needs labels that are class numbers: set training.loss to sparseCategoricalCrossentropy, or leave the boost out";
    return [{ path: ["aggregation", "boost"], message }];
  },
} as const satisfies Face;
