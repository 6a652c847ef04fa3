// A trainer that knows what tiny-mlp is made of and no more: for runs that are prepared and never trained.
import { modelSpec } from "../../shared/core/models/builtinModels.ts";
import { parameterShapes } from "../../shared/core/models/parameterShapes.ts";
import type { Trainer } from "../../shared/core/ports/trainer.ts";

export const describer: Trainer = {
  backend: "script",
  describe: async () => parameterShapes(modelSpec("tiny-mlp")),
  train: () => Promise.reject(new Error("not here")),
  // A run that asks for scores has some samples of its test set scored when it is prepared.
  evaluate: async () => ({ accuracy: 0.5, loss: 1, metrics: {}, details: null, samples: 1 }),
};
