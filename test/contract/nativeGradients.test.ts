// Gradients by kernels of native TensorFlow, against the derivatives as they are written in books.
import { describe, expect, test } from "vitest";
import { loadTensors } from "../../shared/cloud/tensors/loadTensors.ts";

const loaded = await loadTensors({ prefer: "native" }).then(
  ({ tf }) => ({ tf, missing: "" }),
  (error: unknown) => ({ tf: null, missing: error instanceof Error ? error.message : String(error) }),
);

const POINTS = [-Infinity, -7, -3, -1e-3, -0, 0, 1e-3, 2, 5.99, 6, 7, Infinity];
const ALPHA = 0.25;
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

describe.skipIf(loaded.tf === null)(
  loaded.missing === "" ? "native gradients" : `skipped: ${loaded.missing}`,
  () => {
    const tf = loaded.tf as NonNullable<typeof loaded.tf>;
    type Tensor = ReturnType<typeof tf.tensor>;

    test.each<[string, (x: Tensor) => Tensor, (x: number) => number]>([
      ["relu", (x) => tf.relu(x), (x) => (x > 0 ? 1 : 0)],
      ["relu6", (x) => tf.relu6(x), (x) => (x > 0 && x < 6 ? 1 : 0)],
      ["leakyRelu", (x) => tf.leakyRelu(x, ALPHA), (x) => (x > 0 ? 1 : ALPHA)],
      ["sigmoid", (x) => tf.sigmoid(x), (x) => sigmoid(x) * (1 - sigmoid(x))],
      ["tanh", (x) => tf.tanh(x), (x) => 1 - Math.tanh(x) ** 2],
    ])("%s", (_name, activation, derivative) => {
      const before = tf.memory().numTensors;
      const x = tf.tensor(POINTS);
      const dy = tf.tensor(POINTS.map((_, i) => i - 4.5));
      const gradient = tf.grads((at: Tensor) => activation(at))([x], dy)[0] as Tensor;
      for (const [i, value] of gradient.dataSync().entries()) {
        expect(value, `at ${POINTS[i]}`).toBeCloseTo((i - 4.5) * derivative(POINTS[i] ?? 0), 5);
      }
      tf.dispose([x, dy, gradient]);
      expect(tf.memory().numTensors).toBe(before);
    });

    test("relu of a layer is one operation, whatever its rank", () => {
      const ops: string[] = [];
      const backend = tf.backend() as unknown as { executeSingleOutput(name: string): unknown };
      const own = backend.executeSingleOutput;
      backend.executeSingleOutput = function (this: unknown, ...given: Parameters<typeof own>) {
        ops.push(given[0]);
        return own.apply(backend, given);
      };
      try {
        for (const shape of [[], [3], [2, 3, 4, 5]]) {
          ops.length = 0;
          tf.tidy(() => tf.grad((x: Tensor) => tf.relu(x))(tf.ones(shape)));
          expect(ops.filter((name) => !["Fill", "OnesLike"].includes(name))).toEqual(["Relu", "ReluGrad"]);
        }
      } finally {
        Reflect.deleteProperty(backend, "executeSingleOutput");
      }
    });
  },
);
