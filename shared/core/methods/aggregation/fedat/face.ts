// FedAT's aggregation as a spec names it.
import * as z from "zod";
import type { Face } from "../../face.ts";
import { sharedOptions } from "../sharedOptions.ts";
import { Staleness } from "../staleness.ts";

const USUAL = 3;

export const FedatOptions = z.strictObject({
  strategy: z
    .literal("fedat")
    .describe(
      "Tiers of clients that are about as fast: a tier waits for its own cohort, no tier for another, and a version is the weighted mean of the last models of all tiers.",
    ),
  tiers: z
    .number()
    .int()
    .min(2)
    .max(5)
    .default(USUAL)
    .describe(
      "Tiers that the run's clients are put into by how long their work takes; `selection.cohortSize` is shared out evenly among them. A model is kept for each.",
    ),
  ...sharedOptions,
  staleness: Staleness.default({ weight: "constant", maxRounds: 100 }).describe(
    "An update older than maxRounds rounds expires, and the model of a tier counts no more that has made none for so long; the updates of a tier are equally late, so that `weight` changes nothing.",
  ),
});
export type FedatOptions = z.infer<typeof FedatOptions>;

export const face = {
  name: "fedat",
  title: "FedAT",
  paper:
    "Chai, Chen, Anwar, Zhao, Cheng, Rangwala: FedAT: A High-Performance and Communication-Efficient Federated Learning System with Asynchronous Tiers, SC 2021",
  options: FedatOptions,
  tiers: (options: { readonly strategy: string }) => FedatOptions.safeParse(options).data?.tiers ?? USUAL,
} as const satisfies Face;
