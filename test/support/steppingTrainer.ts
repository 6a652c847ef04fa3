// A trainer of tests that moves all weights of a client by a step of its own, and data that it takes.
import { decodeDataset } from "../../shared/cloud/tensors/dataset.ts";
import { createTestTrainer } from "../../shared/cloud/tensors/testTrainer.ts";
import type { Trainer } from "../../shared/core/ports/trainer.ts";
import { encodeSafetensors, floatTensor } from "../../shared/core/updates/safetensors.ts";

/** @param steps by client; one that is not in it moves nothing. */
export function steppingTrainer(steps: Readonly<Record<string, number>>): Trainer {
  const plain = createTestTrainer();
  return {
    ...plain,
    train: async (task) => ({
      ...(await plain.train(task)),
      weights: task.weights.map((weight) => ({
        ...weight,
        values: weight.values.map((value) => value + (steps[task.clientId] ?? 0)),
      })),
    }),
  };
}

/** Eight samples that are all the same. */
export const sameSamples = () =>
  decodeDataset(
    encodeSafetensors([
      floatTensor("x", [8, 4], new Float32Array(32).fill(0.5)),
      floatTensor("y", [8], new Float32Array(8)),
    ]),
  );
