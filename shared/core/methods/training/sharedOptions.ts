// What every training method's options have in common: how long clients train, with what steps, and what
// they minimise.
import * as z from "zod";
import { Loss } from "../../schemas/loss.ts";
import { OptimizerSpec } from "./optimizerOptions.ts";

export const sharedOptions = {
  localEpochs: z
    .number()
    .int()
    .min(1)
    .max(1_000)
    .default(1)
    .describe("How often a client goes through its data in one round."),
  batchSize: z.number().int().min(1).max(65_536).default(32).describe("Samples of one training step."),
  optimizer: OptimizerSpec.default({ name: "adam", learningRate: 0.001, beta1: 0.9, beta2: 0.999 }),
  local: z
    .array(z.string().min(1).max(200))
    .min(1)
    .max(100)
    .optional()
    .describe(
      "Layers that each client keeps for itself, by name (`*` stands for any characters): trained with the rest, but not averaged (FedPer, FedBN). Versions are then not scored on the test set.",
    ),
  loss: Loss.default("sparseCategoricalCrossentropy").describe(
    "What training minimises, by its Keras name in any of Keras' spellings: `mean_squared_error` and `mse` are `meanSquaredError`.",
  ),
};
