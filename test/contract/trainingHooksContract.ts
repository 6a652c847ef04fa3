// What training methods add to local training, against the arithmetic done by hand; on each backend.
import { describe, expect, test } from "vitest";
import { fittedData } from "../../shared/cloud/tensors/batches.ts";
import { buildModel } from "../../shared/cloud/tensors/layersModel.ts";
import type { Tensors } from "../../shared/cloud/tensors/loadTensors.ts";
import { trainLocally } from "../../shared/cloud/tensors/localTraining.ts";
import { TrainingOptions } from "../../shared/core/methods/training/options.ts";
import type { TrainingHooks } from "../../shared/core/methods/training/trainingMethod.ts";
import type { Dataset, TrainProgress } from "../../shared/core/ports/trainer.ts";
import type { LayersTopology } from "../../shared/core/schemas/model.ts";
import type { Covers } from "../../shared/core/updates/covers.ts";
import type { Weights } from "../../shared/core/updates/weights.ts";

/** y = w1 x1 + w2 x2 + b. */
const topology: LayersTopology = {
  model_config: {
    class_name: "Sequential",
    config: {
      name: "m",
      layers: [{ class_name: "Dense", config: { name: "d", units: 1, batch_input_shape: [null, 2] } }],
    },
  },
};
const weights: Weights = [
  { name: "d/kernel", shape: [2, 1], values: Float32Array.of(1, -1) },
  { name: "d/bias", shape: [1], values: Float32Array.of(0.5) },
];
const START = [1, -1, 0.5];
const POINT = [3, 2, 1];
const RATE = 0.01;
const onePoint: Dataset = {
  x: { shape: [1, 2], values: Float32Array.of(3, 2) },
  y: { shape: [1, 1], values: Float32Array.of(0) },
};

const training = TrainingOptions.parse({
  localEpochs: 2,
  optimizer: { name: "sgd", learningRate: RATE },
  loss: "meanSquaredError",
});

/** Two steps of gradient descent, where `more` is what is added to a gradient. */
function byHand(more: (value: number, start: number) => number): readonly number[] {
  let w = START;
  for (let step = 0; step < 2; step++) {
    const error = w.reduce((sum, value, i) => sum + value * (POINT[i] ?? 0), 0);
    w = w.map((value, i) => value - RATE * (2 * error * (POINT[i] ?? 0) + more(value, START[i] ?? 0)));
  }
  return w;
}

export function trainingHooksContract(name: string, load: () => Promise<Tensors>): void {
  describe(name, () => {
    /** Trains with these hooks, and expects that no tensors are left. */
    async function trained(hooks: TrainingHooks, state?: Weights, covers?: Covers, got?: Weights) {
      const { tf } = await load();
      const before = tf.memory().numTensors;
      const model = await buildModel(tf, topology);
      const progress: TrainProgress[] = [];
      try {
        model.setWeights(weights);
        const { data, samples } = fittedData(onePoint, model, training.loss);
        const onProgress = (done: TrainProgress) => void progress.push(done);
        const plain = { topology, weights, data, training, seed: 1, round: 1, clientId: "a", onProgress };
        const beside = { ...(state === undefined ? {} : { state }), ...(got === undefined ? {} : { got }) };
        const task = { ...plain, covers, ...beside };
        const done = await trainLocally(tf, model, task, samples, { hooks });
        return { done, progress, values: model.getWeights().flatMap(({ values }) => [...values]) };
      } finally {
        model.dispose();
        expect(tf.memory().numTensors).toBe(before);
      }
    }

    function expectNear(actual: readonly number[], expected: readonly number[]): void {
      expect(actual).toHaveLength(expected.length);
      for (const [i, value] of actual.entries()) expect(value).toBeCloseTo(expected[i] ?? Number.NaN, 5);
    }

    test("none of them is plain training, without signals", async () => {
      const { done, values } = await trained({});
      expectNear(
        values,
        byHand(() => 0),
      );
      expect(done).toEqual({ steps: 2, partial: false, state: [], beside: [], eagerReason: null });
    });

    describe("what a client keeps", () => {
      const correcting: TrainingHooks = {
        usesStart: true,
        keeps: ["drift", "rest"],
        gradient: (math, { gradient, kept }) => math.add(gradient, kept("drift")),
        keep: (math, { value, start, kept, steps }) => ({
          drift: math.add(kept("drift"), math.div(math.sub(value, start()), steps)),
        }),
      };
      const shapes = ["drift", "rest"].flatMap((name) =>
        weights.map((weight) => ({ name: `${name}/${weight.name}`, shape: weight.shape })),
      );

      test("is nothing but zeros at first, and then what the hook makes of it", async () => {
        const { done, values } = await trained(correcting);
        const end = byHand(() => 0);
        expectNear(values, end);
        expect(done.state.map(({ name, shape }) => ({ name, shape }))).toEqual(shapes);
        expectNear(
          done.state.flatMap((tensor) => [...tensor.values]),
          [...end.map((value, i) => (value - (START[i] ?? 0)) / 2), 0, 0, 0],
        );
      });

      test("is read by hooks and never written to; what is not replaced stays as it is", async () => {
        const before: Weights = shapes.map((tensor, i) => ({
          ...tensor,
          values: new Float32Array(tensor.shape[0] ?? 0).fill(i + 1),
        }));
        const untouched = structuredClone(before);
        const { done, values } = await trained(correcting, before);
        const end = byHand((_, start) => (start === 0.5 ? 2 : 1));
        expectNear(values, end);
        expect(before).toEqual(untouched);
        expectNear(
          done.state.flatMap((tensor) => [...tensor.values]),
          [...end.map((value, i) => (i === 2 ? 2 : 1) + (value - (START[i] ?? 0)) / 2), 3, 3, 4],
        );
        expect(done.state[2]?.values).not.toBe(before[2]?.values);
      });

      test("under another name is refused", async () => {
        const asking = trained({ keeps: ["drift"], gradient: (_, { kept }) => kept("other") });
        await expect(asking).rejects.toMatchObject({
          code: "internal",
          message: expect.stringContaining('"other"'),
        });
      });
    });

    describe("what comes with a version, and goes with an update", () => {
      const exchanging: TrainingHooks = {
        usesStart: true,
        keeps: ["own"],
        gets: ["common"],
        sends: ["moved", "seen"],
        gradient: (math, { gradient, got }) => math.add(gradient, got("common")),
        keep: (math, { kept, isFirst }) => ({ own: math.add(kept("own"), isFirst ? 1 : 2) }),
        send: (math, { value, start, kept, got, steps, learningRate }) => ({
          seen: math.add(got("common"), kept("own")),
          moved: math.div(math.sub(value, start()), steps * learningRate),
        }),
      };
      const named = (name: string, value: number): Weights =>
        weights.map((weight) => ({
          ...weight,
          name: `${name}/${weight.name}`,
          values: new Float32Array(weight.values.length).fill(value),
        }));
      const valuesOf = (tensors: Weights) => tensors.flatMap(({ values }) => [...values]);

      test("are zeros at first, and sent in the order of its names", async () => {
        const { done, values } = await trained(exchanging);
        const end = byHand(() => 0);
        expectNear(values, end);
        expect(done.beside.map(({ name }) => name)).toEqual([
          "moved/d/kernel",
          "moved/d/bias",
          "seen/d/kernel",
          "seen/d/bias",
        ]);
        const moved = end.map((value, i) => (value - (START[i] ?? 0)) / (2 * RATE));
        expectNear(valuesOf(done.beside), [...moved, 0, 0, 0]);
        expectNear(valuesOf(done.state), [1, 1, 1]);
      });

      test("are read as they came, and never written to", async () => {
        const [own, common] = [named("own", 3), named("common", 5)];
        const before = structuredClone([own, common]);
        const { done, values } = await trained(exchanging, own, undefined, common);
        expectNear(
          values,
          byHand(() => 5),
        );
        expectNear(valuesOf(done.beside).slice(3), [8, 8, 8]);
        expectNear(valuesOf(done.state), [5, 5, 5]);
        expect([own, common]).toEqual(before);
      });

      test("are refused where the method does not name them, or does not send what it says", async () => {
        const asking = trained({ gets: ["common"], gradient: (_, { got }) => got("other") });
        await expect(asking).rejects.toMatchObject({
          code: "internal",
          message: expect.stringContaining('"other"'),
        });
        const silent = trained({ sends: ["moved"], send: () => ({}) });
        await expect(silent).rejects.toMatchObject({
          code: "internal",
          message: expect.stringContaining('"moved/d/kernel"'),
        });
      });

      test("an update may be made of another value than the trained one", async () => {
        const { done, values } = await trained({
          usesStart: true,
          keeps: ["end"],
          keep: (_, { value }) => ({ end: value }),
          outcome: (math, { value, start }) => math.add(start(), math.mul(10, math.sub(value, start()))),
        });
        const end = byHand(() => 0);
        expectNear(
          values,
          end.map((value, i) => (START[i] ?? 0) + 10 * (value - (START[i] ?? 0))),
        );
        expectNear(valuesOf(done.state), end);
      });
    });

    test("a gradient is another one, by what the variable is and was", async () => {
      const { values } = await trained({
        usesStart: true,
        gradient: (math, { gradient, value, start }) =>
          math.add(math.add(gradient, math.mul(7, math.sub(value, start()))), start()),
      });
      expectNear(
        values,
        byHand((value, start) => 7 * (value - start) + start),
      );
    });

    test("a loss is differentiated, and reported", async () => {
      const { values, progress } = await trained({
        usesStart: true,
        loss: (math, { loss, variables }) =>
          variables.reduce(
            (sum, { value, start }) =>
              math.add(sum, math.add(math.sum(math.square(math.sub(value, start()))), math.sum(value))),
            loss,
          ),
      });
      expectNear(
        values,
        byHand((value, start) => 2 * (value - start) + 1),
      );
      // 1.5² of the data, and the sum of the variables.
      expect(progress[0]?.loss).toBeCloseTo(2.25 + 0.5, 4);
    });

    test("an epoch's end gives signals, of which later ones replace earlier ones", async () => {
      const { done } = await trained({
        usesStart: true,
        afterEpoch: (math, { epoch, steps, variables, numberOf }) => ({
          [`epoch-${epoch}`]: steps,
          epoch,
          moved: variables.reduce(
            (sum, { value, start }) => sum + numberOf(math.sum(math.square(math.sub(value, start())))),
            0,
          ),
        }),
      });
      const end = byHand(() => 0);
      expect(done.signals).toEqual({
        "epoch-1": 1,
        "epoch-2": 2,
        epoch: 2,
        moved: expect.closeTo(
          end.reduce((sum, value, i) => sum + (value - (START[i] ?? 0)) ** 2, 0),
          4,
        ),
      });
    });

    test.each<[string, Covers, readonly number[]]>([
      ["a part of a parameter", [{ name: "d/kernel", at: [1, 0], shape: [1, 1] }], [1]],
      ["a whole parameter", [{ name: "d/bias", at: [0], shape: [1] }], [2]],
      [
        "parts of several",
        [
          { name: "d/kernel", at: [0, 0], shape: [1, 1] },
          { name: "d/bias", at: [0], shape: [1] },
        ],
        [0, 2],
      ],
    ])(
      "%s is trained where no more is assigned, whatever hooks do to gradients",
      async (_, covers, trainedAt) => {
        const seen: string[] = [];
        const pushing: TrainingHooks = {
          gradient: (math, { name, gradient }) => {
            seen.push(name);
            return math.add(gradient, 1);
          },
        };
        const { values } = await trained(pushing, undefined, covers);
        for (const [i, value] of values.entries()) {
          expect(value !== START[i], `value ${i}`).toBe(trainedAt.includes(i));
        }
        expect(new Set(seen)).toEqual(new Set(["d/kernel", "d/bias"]));
      },
    );

    test("what the variables were is refused to hooks that do not say that they use it", async () => {
      const asking = trained({ gradient: (_, { start }) => start() });
      await expect(asking).rejects.toMatchObject({
        code: "internal",
        message: expect.stringContaining("usesStart"),
      });
    });
  });
}
