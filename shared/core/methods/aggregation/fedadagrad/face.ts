// FedAdagrad as a spec names it.
import * as z from "zod";
import type { Face } from "../../face.ts";
import { adaptiveOptions } from "../adaptiveOptions.ts";
import { sharedOptions } from "../sharedOptions.ts";

export const FedadagradOptions = z.strictObject({
  strategy: z.literal("fedadagrad").describe("The average step as the gradient of the server's Adagrad."),
  serverLearningRate: adaptiveOptions.serverLearningRate,
  beta1: adaptiveOptions.beta1
    .default(0)
    .describe("Share of the mean step that the next one keeps; 0, as in the paper's experiments, is none."),
  tau: adaptiveOptions.tau.describe(
    "Added to the root of the sum of squares: how much of it is adapted to; the sum begins with its square.",
  ),
  ...sharedOptions,
});
export type FedadagradOptions = z.infer<typeof FedadagradOptions>;

export const face = {
  name: "fedadagrad",
  title: "FedAdagrad",
  paper:
    "Reddi, Charles, Zaheer, Garrett, Rush, Konečný, Kumar, McMahan: Adaptive Federated Optimization, ICLR 2021",
  options: FedadagradOptions,
} as const satisfies Face;
