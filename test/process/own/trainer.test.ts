// An owner's trainer behind the product's port: what it is given are copies, what it returns is checked, and
// the example learns what the product's own trainer learns.
import { describe, expect, test } from "vitest";
import softmax from "../../../examples/own-code/trainer.ts";
import type { Trained, TrainerInput } from "../../../shared/cloud/own/client.ts";
import { withOwnTrainer } from "../../../shared/cloud/own/ownTrainer.ts";
import { loadTrainer } from "../../../shared/cloud/tensors/loadTrainer.ts";
import { FlError } from "../../../shared/core/errors.ts";
import type { Dataset, Trainer, TrainTask } from "../../../shared/core/ports/trainer.ts";
import { randomFrom } from "../../../shared/core/random.ts";
import { buildSpec } from "../../support/builders.ts";
import { keptLog } from "../../support/ownCode.ts";
import { refusalOf } from "../../support/refusal.ts";

const SECRET = "ssn-078-05-1120";
const SAMPLES = 60;

const config = { name: "out", units: 3, activation: "softmax", batch_input_shape: [null, 2] };
const topology = {
  model_config: {
    class_name: "Sequential",
    config: { name: "m", layers: [{ class_name: "Dense", config }] },
  },
};
const random = randomFrom(5);
const data: Dataset = {
  x: { shape: [SAMPLES, 2], values: Float32Array.from({ length: 2 * SAMPLES }, () => random.normal()) },
  y: { shape: [SAMPLES], values: Float32Array.from({ length: SAMPLES }, (_, i) => i % 3) },
};
const options = { localEpochs: 3, batchSize: 20, optimizer: { name: "sgd", learningRate: 0.1 } } as const;

function task(changes: Partial<TrainTask> = {}): TrainTask {
  return {
    topology,
    weights: [
      { name: "out/kernel", shape: [2, 3], values: Float32Array.of(0.1, 0, -0.1, 0, 0.2, 0) },
      { name: "out/bias", shape: [3], values: new Float32Array(3) },
    ],
    data,
    training: buildSpec({ training: options }).training,
    seed: 7,
    round: 2,
    clientId: "clinic-07",
    ...changes,
  };
}

const unused = async (): Promise<Trainer> => {
  throw new Error("TensorFlow is not needed.");
};

function trainerOf(own: unknown, log = keptLog(), base = unused): Trainer {
  const load = async () => ({ default: own as (input: TrainerInput) => Promise<Trained> });
  return withOwnTrainer({ about: { name: "mine", version: "1.2.3" }, load }, base, log, Date.now);
}

const weights = () =>
  new Map<string, ArrayLike<number>>([
    ["out/kernel", new Float32Array(6).fill(1)],
    ["out/bias", [1, 2, 3]],
  ]);

describe("an owner's trainer", () => {
  test("is given copies of the model, all data in batches, and what the run asks for", async () => {
    let given: TrainerInput | undefined;
    const shapes: unknown[] = [];
    const frozen = task();
    const result = await trainerOf(async (input: TrainerInput) => {
      given = input;
      for await (const { x, y } of input.data.batches(25, input.random)) shapes.push([x.shape, y.shape]);
      input.weights.get("out/bias")?.fill(9);
      input.log.metric("trainLoss", 0.5);
      return { weights: weights(), steps: 4, samples: 59, lossBefore: 2, lossAfter: Number.NaN };
    }).train(frozen);
    expect(shapes).toEqual([
      [[25, 2], [25]],
      [[25, 2], [25]],
      [[10, 2], [10]],
    ]);
    expect(given).toMatchObject({ clientId: "clinic-07", round: 2, seed: 7, training: options, topology });
    expect(given?.parameters.map(({ name, shape }) => [name, shape])).toEqual([
      ["out/kernel", [2, 3]],
      ["out/bias", [3]],
    ]);
    expect(frozen.weights[1]?.values).toEqual(new Float32Array(3));
    expect(result).toMatchObject({
      steps: 4,
      samples: 59,
      partial: false,
      lossBefore: 2,
      lossAfter: Number.NaN,
    });
    expect(result.metrics).toEqual({ trainLoss: 0.5 });
    expect(result.weights).toEqual([
      { name: "out/kernel", shape: [2, 3], values: new Float32Array(6).fill(1) },
      { name: "out/bias", shape: [3], values: Float32Array.of(1, 2, 3) },
    ]);
  });

  test("is refused for a method that learns from the models of other runs, which it could not be given", async () => {
    const training = (weight: number) =>
      buildSpec({ training: { ...options, method: "codistillation", group: "wards", weight } }).training;
    const own = trainerOf(async () => ({ weights: weights(), steps: 1 }));
    const error = await refusalOf(() => own.train(task({ training: training(1) })));
    expect(error.message).toMatch(/"codistillation", which learns from the models of other runs/);
    expect(await own.train(task({ training: training(0) }))).toMatchObject({ steps: 1 });
  });

  const wrong: readonly [string, unknown, string][] = [
    ["nothing", undefined, "returned no Map of weights by the parameters' names"],
    [
      "an object of weights",
      { weights: { "out/kernel": [] }, steps: 1 },
      "returned no Map of weights by the parameters' names",
    ],
    ["no steps", { weights: weights() }, "returned `steps` that are not a whole number from 0"],
    [
      "half a step",
      { weights: weights(), steps: 0.5 },
      "returned `steps` that are not a whole number from 0",
    ],
    [
      "more samples than there are",
      { weights: weights(), steps: 1, samples: 61 },
      "returned `samples` that are not a whole number from 1 to the data's 60",
    ],
    [
      "other names",
      { weights: weights().set(SECRET, []), steps: 1 },
      "returned weights of 1 names that the model does not have",
    ],
    [
      "no bias",
      { weights: new Map([["out/kernel", new Float32Array(6)]]), steps: 1 },
      'returned no values for the parameter "out/bias"',
    ],
    [
      "a short bias",
      { weights: weights().set("out/bias", [1]), steps: 1 },
      'returned not 3 values for the parameter "out/bias"',
    ],
    [
      "texts",
      { weights: weights().set("out/bias", [1, 2, SECRET] as unknown as number[]), steps: 1 },
      'returned a value for the parameter "out/bias" that is no finite float32: has its training diverged?',
    ],
    [
      "Infinity",
      { weights: weights().set("out/bias", [1, 2, 1e300]), steps: 1 },
      'returned a value for the parameter "out/bias" that is no finite float32: has its training diverged?',
    ],
    [
      "a text for partial",
      { weights: weights(), steps: 1, partial: SECRET },
      "returned `partial` that is not true or false",
    ],
  ];
  test.each(wrong)("that returns %s is refused", async (_, returned, problem) => {
    const error = await refusalOf(() => trainerOf(async () => returned).train(task()));
    expect(error).toMatchObject({ code: "failed-precondition", retry: "never" });
    expect(error.message).toBe(`The owner's trainer mine 1.2.3 ${problem}.`);
  });

  test("that fails says so in our words; what the data fail with goes through it", async () => {
    const log = keptLog();
    const failing = trainerOf(async () => {
      throw new Error(SECRET);
    }, log);
    const error = await refusalOf(() => failing.train(task()));
    expect(error.message).toBe("The owner's trainer mine 1.2.3 failed: see the owner's log.");
    expect(log.lines).toMatchObject([{ level: "error", fields: { code: "The owner's trainer mine 1.2.3" } }]);
    const reading = trainerOf(async ({ data: all, random: draws }: TrainerInput) => {
      for await (const _ of all.batches(5, draws));
      return { weights: weights(), steps: 1 };
    });
    const replaced = new FlError("unavailable", "The data set was replaced while it was read.");
    const stream = {
      x: { shape: [SAMPLES, 2] },
      y: { shape: [SAMPLES] },
      first: data,
      async *batches() {
        yield data;
        throw replaced;
      },
    };
    expect(await refusalOf(() => reading.train(task({ data: stream })))).toBe(replaced);
  });

  test("that does not end is not waited for beyond the deadline", async () => {
    const hanging = trainerOf(() => new Promise(() => undefined));
    const error = await refusalOf(() => hanging.train(task({ deadlineMs: Date.now() - 1_900 })));
    expect(error).toMatchObject({ code: "deadline-exceeded", retry: "never" });
  });

  test("scores and describes by the product's own", async () => {
    const base: Trainer = {
      backend: "base",
      describe: async () => [{ name: "described", shape: [] }],
      train: () => Promise.reject(new Error("not this one")),
      evaluate: () => Promise.reject(new FlError("internal", "scored")),
    };
    const own = trainerOf(
      async () => undefined,
      keptLog(),
      async () => base,
    );
    expect(own.backend).toBe("trainer mine 1.2.3");
    expect(await own.describe(topology)).toEqual([{ name: "described", shape: [] }]);
    expect((await refusalOf(() => own.evaluate({} as never))).message).toBe("scored");
  });
});

test("the example trains as the product's trainer does", async () => {
  // Full batches, so that the order of the samples changes nothing.
  const training = buildSpec({ training: { ...options, batchSize: SAMPLES, localEpochs: 5 } }).training;
  const product = await loadTrainer({ kind: "tensorflow", prefer: "portable" });
  const [mine, theirs] = [
    await trainerOf(softmax).train(task({ training })),
    await product.train(task({ training })),
  ];
  expect(mine.steps).toBe(theirs.steps);
  for (const [i, { values }] of mine.weights.entries()) {
    values.forEach((value, j) => {
      expect(value).toBeCloseTo(theirs.weights[i]?.values[j] ?? Number.NaN, 5);
    });
  }
  expect(mine.metrics?.["trainLoss"]).toBeLessThan(theirs.lossBefore);
  expect(mine.metrics?.["trainLoss"]).toBeGreaterThan(theirs.lossAfter);
});
