// The test trainer under the contract of all trainers, and its script of durations.
import { describe, expect, test } from "vitest";
import { createTestTrainer } from "../../shared/cloud/tensors/testTrainer.ts";
import { modelSpec } from "../../shared/core/models/builtinModels.ts";
import { initialWeights } from "../../shared/core/models/initialWeights.ts";
import { parameterShapes } from "../../shared/core/models/parameterShapes.ts";
import { toLayersTopology } from "../../shared/core/models/topology.ts";
import type { TrainTask } from "../../shared/core/ports/trainer.ts";
import { blobs, trainerContract } from "./trainerContract.ts";

trainerContract("test trainer", async () => createTestTrainer());

describe("scripted durations", () => {
  const spec = modelSpec("tiny-mlp");
  const topology = toLayersTopology(spec);
  const task: TrainTask = {
    topology,
    weights: initialWeights(topology, parameterShapes(spec), 1),
    data: blobs(10, 1),
    training: {
      method: "fedprox",
      localEpochs: 2,
      batchSize: 5,
      optimizer: { name: "sgd", learningRate: 0.1 },
      loss: spec.loss,
      proximalMu: 0,
    },
    seed: 4,
    round: 1,
    clientId: "slow",
  };

  /** A trainer on a clock that only its own training moves. */
  function scripted(durationMs: number) {
    const slept: number[] = [];
    const trainer = createTestTrainer({
      durationMs: (clientId, seed) => (clientId === "slow" && seed === 4 ? durationMs : 0),
      nowMs: () => 1_000,
      sleep: async (ms) => {
        slept.push(ms);
      },
    });
    return { trainer, slept };
  }

  test("pass by the clock given, for the client and seed in the script", async () => {
    const { trainer, slept } = scripted(700);
    expect((await trainer.train(task)).timings.trainMs).toBe(700);
    await trainer.train({ ...task, clientId: "fast" });
    expect(slept).toEqual([700]);
  });

  test("are cut at the deadline, with the share of steps that was done", async () => {
    const { trainer, slept } = scripted(800);
    const cut = await trainer.train({ ...task, deadlineMs: 1_400 });
    expect(cut).toMatchObject({ steps: 2, partial: true });
    expect(slept).toEqual([400]);
    const whole = await trainer.train({ ...task, deadlineMs: 1_800 });
    expect(whole).toMatchObject({ steps: 4, partial: false });
    expect(cut.lossAfter).toBeLessThan(cut.lossBefore);
    expect(cut.lossAfter).toBeGreaterThan(whole.lossAfter);
  });
});

test("a model that only TensorFlow can describe is refused", async () => {
  const topology = { model_config: { class_name: "Functional", config: { layers: [{}] } } };
  await expect(createTestTrainer().describe(topology)).rejects.toMatchObject({ code: "failed-precondition" });
});

test("rounds of averaging clients converge", async () => {
  const spec = modelSpec("tiny-mlp");
  const topology = toLayersTopology(spec);
  const trainer = createTestTrainer();
  const training: TrainTask["training"] = {
    method: "fedprox",
    localEpochs: 1,
    batchSize: 5,
    optimizer: { name: "sgd", learningRate: 0.1 },
    loss: spec.loss,
    proximalMu: 0,
  };
  const data = blobs(10, 1);
  let weights = initialWeights(topology, parameterShapes(spec), 1);
  for (let round = 1; round <= 20; round++) {
    const updates = await Promise.all(
      ["a", "b"].map((clientId) =>
        trainer.train({ topology, weights, data, training, seed: round, round, clientId }),
      ),
    );
    weights = weights.map((weight, k) => ({
      ...weight,
      values: weight.values.map(
        (_, i) =>
          updates.reduce((sum, update) => sum + (update.weights[k]?.values[i] ?? 0), 0) / updates.length,
      ),
    }));
  }
  const { accuracy } = await trainer.evaluate({ topology, weights, data, loss: spec.loss, batchSize: 5 });
  expect(accuracy).toBeGreaterThan(0.9);
});
