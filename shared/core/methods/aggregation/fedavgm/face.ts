// FedAvgM as a spec names it.
import * as z from "zod";
import type { Face } from "../../face.ts";
import { sharedOptions } from "../sharedOptions.ts";

export const FedavgmOptions = z.strictObject({
  strategy: z.literal("fedavgm").describe("The average step with momentum of the server's."),
  serverLearningRate: z
    .number()
    .positive()
    .max(100)
    .default(1)
    .describe("What a step of the server counts times."),
  serverMomentum: z
    .number()
    .min(0)
    .lt(1)
    .default(0.9)
    .describe("Share of the last step that the next one keeps."),
  ...sharedOptions,
});
export type FedavgmOptions = z.infer<typeof FedavgmOptions>;

export const face = {
  name: "fedavgm",
  title: "FedAvgM",
  paper:
    "Hsu, Qi, Brown: Measuring the Effects of Non-Identical Data Distribution for Federated Visual Classification, 2019",
  options: FedavgmOptions,
} as const satisfies Face;
