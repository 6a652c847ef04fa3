// FedBuff's aggregation as a spec names it.
import * as z from "zod";
import type { Face } from "../../face.ts";
import { sharedOptions } from "../sharedOptions.ts";
import { Staleness } from "../staleness.ts";

export const FedbuffOptions = z.strictObject({
  strategy: z
    .literal("fedbuff")
    .describe("The sum of the updates, each damped by its staleness, divided by their number."),
  serverLearningRate: z
    .number()
    .positive()
    .max(100)
    .default(1)
    .describe("What a step of the server counts times; of one update a round, FedAsync's mixing weight."),
  serverMomentum: z
    .number()
    .min(0)
    .lt(1)
    .default(0)
    .describe("Share of the last step that the next one keeps."),
  counts: z
    .enum(["equally", "by-samples"])
    .default("equally")
    .describe(
      "What an update counts for beside its staleness: as any other, or in proportion to its samples.",
    ),
  ...sharedOptions,
  staleness: Staleness.default({ weight: "polynomial", exponent: 0.5, maxRounds: 50 }).describe(
    "What an update is damped by; one older than maxRounds rounds expires.",
  ),
});
export type FedbuffOptions = z.infer<typeof FedbuffOptions>;

export const face = {
  name: "fedbuff",
  title: "FedBuff",
  paper:
    "Nguyen, Malik, Zhan, Yousefpour, Rabbat, Malek, Huba: Federated Learning with Buffered Asynchronous Aggregation, AISTATS 2022",
  options: FedbuffOptions,
  needsWhole: true,
} as const satisfies Face;
