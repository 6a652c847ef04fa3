// FedYogi as a spec names it.
import * as z from "zod";
import type { Face } from "../../face.ts";
import { sharedOptions } from "../sharedOptions.ts";

export const FedyogiOptions = z.strictObject({
  strategy: z.literal("fedyogi").describe("The average step as the gradient of the server's Yogi."),
  serverLearningRate: z
    .number()
    .positive()
    .max(100)
    .default(0.01)
    .describe("How far a step goes: 0.001 to 0.1 are tried first."),
  beta1: z.number().min(0).lt(1).default(0.9).describe("Share of the mean step that the next one keeps."),
  beta2: z.number().min(0).lt(1).default(0.99).describe("Share of the mean square that the next one keeps."),
  tau: z
    .number()
    .positive()
    .max(1)
    .default(0.001)
    .describe(
      "Added to the root of the mean square: how much of it is adapted to; the mean square begins with its square.",
    ),
  ...sharedOptions,
});
export type FedyogiOptions = z.infer<typeof FedyogiOptions>;

export const face = {
  name: "fedyogi",
  title: "FedYogi",
  paper:
    "Reddi, Charles, Zaheer, Garrett, Rush, Konečný, Kumar, McMahan: Adaptive Federated Optimization, ICLR 2021",
  options: FedyogiOptions,
} as const satisfies Face;
