// The optimizer of local training as a spec names it.
import * as z from "zod";

const learningRate = z.number().positive().max(100).describe("How far a step moves the weights.");

export const OptimizerSpec = z
  .discriminatedUnion("name", [
    z.strictObject({ name: z.literal("sgd"), learningRate: learningRate.default(0.01) }),
    z.strictObject({
      name: z.literal("momentum"),
      learningRate: learningRate.default(0.01),
      momentum: z
        .number()
        .min(0)
        .lt(1)
        .default(0.9)
        .describe("How much of the previous step is added to the next one."),
    }),
    z.strictObject({
      name: z.literal("adam"),
      learningRate: learningRate.default(0.001),
      beta1: z.number().min(0).lt(1).default(0.9).describe("Decay of the average of gradients."),
      beta2: z.number().min(0).lt(1).default(0.999).describe("Decay of the average of squared gradients."),
    }),
  ])
  .describe("The optimizer of local training. It starts anew with every invocation.")
  .meta({ id: "OptimizerSpec" });
export type OptimizerSpec = z.infer<typeof OptimizerSpec>;
