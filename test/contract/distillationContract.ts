// Learning from the predictions of other models: the loss and its gradient against the arithmetic done by
// hand, on each backend; and what it leaves alone.
import { describe, expect, test } from "vitest";
import type { Tensors } from "../../shared/cloud/tensors/loadTensors.ts";
import { createTensorTrainer } from "../../shared/cloud/tensors/tensorTrainer.ts";
import { TrainingOptions } from "../../shared/core/methods/training/options.ts";
import { initialWeights } from "../../shared/core/models/initialWeights.ts";
import { shortTopology } from "../../shared/core/models/shortLayers.ts";
import type { DataStream, Dataset, TrainResult, TrainTask } from "../../shared/core/ports/trainer.ts";
import { randomFrom } from "../../shared/core/random.ts";
import type { LayersTopology } from "../../shared/core/schemas/model.ts";
import type { Weights } from "../../shared/core/updates/weights.ts";

type Layers = Parameters<typeof shortTopology>[1];
const RATE = 0.1;
const { LN2 } = Math;
const LN3 = Math.log(3);

interface Case {
  readonly topology: LayersTopology;
  readonly weights: Weights;
  readonly data: Dataset | DataStream;
  readonly loss?: string;
  readonly weight?: number;
  readonly teachers?: readonly Weights[];
  readonly training?: object;
  /** Whether another method trains. */
  readonly isPlain?: boolean;
}

/** One layer whose outputs are those of its biases: x is 1 and its kernel is 0. */
function biased(activation: string, ...values: number[]): Pick<Case, "topology" | "weights"> {
  const topology = shortTopology([1], [{ type: "Dense", name: "d", units: values.length, activation }]);
  const kernel = { name: "d/kernel", shape: [1, values.length], values: new Float32Array(values.length) };
  const bias = { name: "d/bias", shape: [values.length], values: Float32Array.from(values) };
  return { topology, weights: [kernel, bias] };
}

const one = (...labels: number[]): Dataset => ({
  x: { shape: [1, 1], values: Float32Array.of(1) },
  y: { shape: [1, labels.length], values: Float32Array.from(labels) },
});

const PREDICTED = [0.25, 0.5, 0.25];
/** Of two teachers; their mean is [1/2, 3/16, 5/16]. */
const TAUGHT = [
  [0.25, 0.25, 0.5],
  [0.75, 0.125, 0.125],
];
const logs = (values: readonly number[]) => values.map(Math.log);
/** ln 2, with label 1; and with a weight of 2 the mean's ½ ln 4 + 3/16 ln 2 + 5/16 ln 4. */
const GOLDEN = LN2 + 2 * 1.8125 * LN2;
const softmax = (values: readonly number[]) => biased("softmax", ...logs(values));

const DENSE: Layers = [
  { type: "Dense", units: 5, activation: "tanh" },
  { type: "Dense", units: 3, activation: "softmax" },
];
const DRAWING: Layers = [
  { type: "Dense", units: 6 },
  { type: "BatchNormalization" },
  { type: "Dropout", rate: 0.4 },
  { type: "Dense", units: 3, activation: "softmax" },
];

function samples(count: number): Dataset {
  const random = randomFrom(5, "distillation");
  const x = Float32Array.from({ length: 4 * count }, () => random.normal());
  const y = Float32Array.from({ length: count }, (_, i) =>
    Math.min(2, Math.floor(Math.abs(x[4 * i] ?? 0) * 2)),
  );
  return { x: { shape: [count, 4], values: x }, y: { shape: [count], values: y } };
}

export function distillationContract(name: string, load: () => Promise<Tensors>): void {
  describe(name, () => {
    async function trained(given: Case): Promise<{ done: TrainResult; losses: readonly number[] }> {
      const tensors = await load();
      const before = tensors.tf.memory().numTensors;
      const losses: number[] = [];
      const { loss = "sparseCategoricalCrossentropy", weight = 1 } = given;
      const task: TrainTask = {
        topology: given.topology,
        weights: given.weights,
        data: given.data,
        training: TrainingOptions.parse({
          ...(given.isPlain === true ? {} : { method: "codistillation", group: "wards", weight }),
          optimizer: { name: "sgd", learningRate: RATE },
          loss,
          ...given.training,
        }),
        ...(given.teachers === undefined ? {} : { teachers: given.teachers }),
        ...{ seed: 5, round: 2, clientId: "a" },
        onProgress: ({ loss: reported }) => losses.push(reported),
      };
      const done = await createTensorTrainer(tensors).train(task);
      expect(tensors.tf.memory().numTensors).toBe(before);
      return { done, losses };
    }

    const built = async (layers: Layers, seed: number): Promise<Pick<Case, "topology" | "weights">> => {
      const topology = shortTopology([4], layers);
      const shapes = await createTensorTrainer(await load()).describe(topology);
      return { topology, weights: initialWeights(topology, shapes, seed) };
    };
    const valuesOf = ({ weights }: Pick<TrainResult, "weights">) =>
      weights.flatMap(({ values }) => [...values]);
    const close = (actual: readonly number[], expected: readonly number[], digits = 5) => {
      expect(actual).toHaveLength(expected.length);
      for (const [i, value] of actual.entries()) expect(value).toBeCloseTo(expected[i] ?? Number.NaN, digits);
    };

    test("of classes: the loss, and a step along p − y + λ (p − the mean of the teachers)", async () => {
      const teachers = TAUGHT.map((values) => softmax(values).weights);
      const before = structuredClone(teachers);
      const { done, losses } = await trained({ ...softmax(PREDICTED), data: one(1), weight: 2, teachers });
      expect(losses[0]).toBeCloseTo(GOLDEN, 5);
      const slope = [-0.25, 0.125, 0.125];
      close(valuesOf(done), [
        ...slope.map((value) => -RATE * value),
        ...logs(PREDICTED).map((value, i) => value - RATE * (slope[i] ?? 0)),
      ]);
      expect(teachers).toEqual(before);
      // What is measured before and after is of the labels alone.
      expect(done.lossBefore).toBeCloseTo(LN2, 5);
      expect(done.teachersLeftOut).toBeUndefined();
    });

    test("of classes as one-hot labels: the same", async () => {
      const teachers = TAUGHT.map((values) => softmax(values).weights);
      const data = one(0, 1, 0);
      const loss = "categoricalCrossentropy";
      const { losses } = await trained({ ...softmax(PREDICTED), data, loss, weight: 2, teachers });
      expect(losses[0]).toBeCloseTo(GOLDEN, 5);
    });

    test.each(["sparseCategoricalCrossentropy", "categoricalCrossentropy"])(
      "of outputs that no softmax makes, with %s: the same",
      async (loss) => {
        const teachers = TAUGHT.map((values) => biased("relu", ...values).weights);
        const { losses } = await trained({
          ...biased("relu", ...PREDICTED),
          ...{ data: one(1), loss, weight: 2, teachers },
        });
        expect(losses[0]).toBeCloseTo(GOLDEN, 4);
      },
    );

    test.each([
      ["sigmoid", LN3, 0],
      ["relu", 0.75, 0.5],
    ])(
      "of a %s that says 3/4 to a teacher's 1/2: with each output by itself",
      async (activation, ours, theirs) => {
        const teachers = [biased(activation, theirs).weights];
        const { losses } = await trained({
          ...biased(activation, ours),
          ...{ data: one(1), loss: "binaryCrossentropy", weight: 0.5, teachers },
        });
        const labels = -Math.log(0.75);
        const taught = -(Math.log(0.75) + Math.log(0.25)) / 2;
        expect(losses[0]).toBeCloseTo(labels + 0.5 * taught, 5);
      },
    );

    test.each([["sparseCategoricalCrossentropy"], ["binaryCrossentropy"]])(
      "its gradient is the slope of the loss, with %s",
      async (loss) => {
        const { topology, weights } = await built(DENSE, 1);
        const { x, y } = samples(6);
        const targets = { shape: [6, 3], values: Float32Array.from({ length: 18 }, (_, i) => i % 2) };
        const data = { x, y: loss === "binaryCrossentropy" ? targets : y };
        const teachers = [(await built(DENSE, 2)).weights, (await built(DENSE, 3)).weights];
        const at = async (given: Weights) => {
          const { done, losses } = await trained({
            topology,
            weights: given,
            data,
            loss,
            weight: 3,
            teachers,
          });
          return { value: losses[0] ?? Number.NaN, after: valuesOf(done) };
        };
        const moved = (tensor: number, place: number, by: number): Weights =>
          weights.map((one, i) =>
            i === tensor ? { ...one, values: one.values.map((v, k) => (k === place ? v + by : v)) } : one,
          );
        const { after } = await at(weights);
        const STEP = 0.02;
        let offset = 0;
        for (const [tensor, { values }] of weights.entries()) {
          const [up, down] = [await at(moved(tensor, 1, STEP)), await at(moved(tensor, 1, -STEP))];
          const slope = (up.value - down.value) / (2 * STEP);
          const step = ((values[1] ?? 0) - (after[offset + 1] ?? 0)) / RATE;
          expect(Math.abs(step - slope)).toBeLessThan(2e-3);
          offset += values.length;
        }
      },
    );

    test.each<[string, Partial<Case>, boolean]>([
      ["weight 0", { weight: 0 }, true],
      ["no teacher", {}, false],
      ["another method", { isPlain: true }, true],
    ])("%s is plain training, to the last bit", async (_what, more, hasTeachers) => {
      const student = await built(DRAWING, 1);
      const base = { ...student, data: samples(20), training: { batchSize: 4, localEpochs: 2 } };
      const plain = await trained({ ...base, isPlain: true });
      const teachers = hasTeachers ? [(await built(DRAWING, 2)).weights] : [];
      const same = await trained({ ...base, teachers, ...more });
      expect(valuesOf(same.done)).toEqual(valuesOf(plain.done));
      expect(same.losses).toEqual(plain.losses);
      expect(same.losses).toHaveLength(2);
    });

    test("teachers draw nothing and drop nothing: the learner's own dropout is as without them", async () => {
      const student = await built(DRAWING, 1);
      const base = { ...student, data: samples(20), training: { batchSize: 4, localEpochs: 2 } };
      const plain = await trained({ ...base, teachers: [] });
      const teachers = [(await built(DRAWING, 2)).weights];
      const slight = await trained({ ...base, teachers, weight: 1e-30 });
      close(valuesOf(slight.done), valuesOf(plain.done));
      const taught = await trained({ ...base, teachers });
      expect(
        Math.max(...valuesOf(taught.done).map((v, i) => Math.abs(v - (valuesOf(plain.done)[i] ?? 0)))),
      ).toBeGreaterThan(1e-3);
      const again = await trained({ ...base, teachers });
      expect(valuesOf(again.done)).toEqual(valuesOf(taught.done));
    });

    test.each([
      ["NaN", Number.NaN],
      ["infinite", Number.POSITIVE_INFINITY],
      ["so large that its outputs overflow", 3e38],
    ])("a teacher whose values are %s is done without", async (_what, value) => {
      const student = await built(DENSE, 1);
      const base = { ...student, data: samples(20), training: { batchSize: 4 } };
      const good = (await built(DENSE, 2)).weights;
      const bad = good.map((weight) => ({
        ...weight,
        values: weight.values.map((_, i) => (i % 2 ? value : -value)),
      }));
      const [both, alone] = [
        await trained({ ...base, teachers: [bad, good] }),
        await trained({ ...base, teachers: [good] }),
      ];
      expect(both.done.teachersLeftOut).toBe(1);
      expect(valuesOf(both.done)).toEqual(valuesOf(alone.done));
      const none = await trained({ ...base, teachers: [bad, bad] });
      expect(none.done.teachersLeftOut).toBe(2);
      expect(none.losses.every(Number.isFinite)).toBe(true);
    });

    test("data that come as a stream are taught alike", async () => {
      const student = await built(DENSE, 1);
      const data = samples(12);
      const stream: DataStream = {
        x: { shape: data.x.shape },
        y: { shape: data.y.shape },
        first: data,
        async *batches(size, random) {
          const order = random.order(12);
          for (let start = 0; start < 12; start += size) {
            const rows = [...order.slice(start, start + size)];
            yield {
              x: {
                shape: [rows.length, 4],
                values: Float32Array.from(
                  rows.flatMap((row) => [...data.x.values.slice(4 * row, 4 * row + 4)]),
                ),
              },
              y: { shape: [rows.length], values: Float32Array.from(rows, (row) => data.y.values[row] ?? 0) },
            };
          }
        },
      };
      const base = { ...student, teachers: [(await built(DENSE, 2)).weights], training: { batchSize: 5 } };
      const [memory, streamed] = [await trained({ ...base, data }), await trained({ ...base, data: stream })];
      expect(valuesOf(streamed.done)).toEqual(valuesOf(memory.done));
    });

    test("weights of another model are refused, and nothing is left behind", async () => {
      const student = await built(DENSE, 1);
      const teachers = [(await built(DENSE, 2)).weights, softmax(PREDICTED).weights];
      const tensors = await load();
      const before = tensors.tf.memory().numTensors;
      await expect(trained({ ...student, data: samples(8), teachers })).rejects.toMatchObject({
        code: "invalid-argument",
      });
      expect(tensors.tf.memory().numTensors).toBe(before);
    });
  });
}
