// Options of the server's adaptive steps, the same for all of Reddi et al. 2021, algorithm 2.
import * as z from "zod";

export const adaptiveOptions = {
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
};
