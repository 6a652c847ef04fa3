// Shapes of samples, layer by layer: what is taken when a run is created is what Keras takes and
// TensorFlow.js builds and computes, with the shape that comes out of both; nothing that both take is
// refused.
import { readFileSync } from "node:fs";
import type { Tensor } from "@tensorflow/tfjs";
import { beforeAll, describe, expect, test } from "vitest";
import { followKeras } from "../../shared/cloud/tensors/kerasLayers.ts";
import { loadTensors } from "../../shared/cloud/tensors/loadTensors.ts";
import type { TensorFlow } from "../../shared/cloud/tensors/tensorFlow.ts";
import { inferModel, shapeProblems } from "../../shared/core/models/inferShapes.ts";
import { normalTopology } from "../../shared/core/models/normalTopology.ts";
import type { OpenShape } from "../../shared/core/models/shapeRules.ts";
import { tfjsTopology } from "../../shared/core/models/tfjsTopology.ts";
import { isObject } from "../../shared/core/models/topology.ts";
import type { LayersTopology } from "../../shared/core/schemas/model.ts";

interface Entry {
  readonly className: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly shapes: readonly (readonly [inputs: readonly OpenShape[], output: OpenShape | null])[];
}
const entries: readonly Entry[] = JSON.parse(
  readFileSync(new URL("../vectors/keras/shapes.json", import.meta.url), "utf8"),
);

/** The layer alone between its inputs and the output. */
function modelOf({ className, config }: Entry, inputs: readonly OpenShape[]): LayersTopology {
  const names = inputs.map((_, i) => `in${i}`);
  const { layer } = config;
  const within =
    isObject(layer) && isObject(layer["config"])
      ? { ...layer, config: { ...layer["config"], name: "w" } }
      : undefined;
  const layers = [
    ...inputs.map((shape, i) => ({
      class_name: "InputLayer",
      name: names[i],
      config: { name: names[i], batch_input_shape: [null, ...shape], dtype: "float32" },
      inbound_nodes: [],
    })),
    {
      class_name: className,
      name: "it",
      config: { ...config, ...(within === undefined ? {} : { layer: within }), name: "it" },
      inbound_nodes: [names.map((name) => [name, 0, 0, {}])],
    },
  ];
  const ends = { input_layers: names.map((name) => [name, 0, 0]), output_layers: [["it", 0, 0]] };
  return { model_config: { class_name: "Model", config: { name: "m", layers, ...ends } } };
}

let tf: TensorFlow;
beforeAll(async () => {
  ({ tf } = await loadTensors());
});

/** What TensorFlow.js says comes out, or that it does not build or compute the model. */
async function built(topology: LayersTopology, inputs: readonly OpenShape[]): Promise<OpenShape | null> {
  try {
    const json = tfjsTopology(topology) as Parameters<typeof tf.models.modelFromJSON>[0];
    const model = await tf.models.modelFromJSON(json);
    try {
      followKeras(tf, model);
      const said = (model.outputs[0]?.shape ?? []).slice(1);
      // TensorFlow.js subtracts from what it does not know.
      if (said.some((size) => size !== null && size <= 0)) return null;
      if (inputs.some((shape) => shape.includes(null))) return said;
      const zeros = inputs.map((shape) => tf.zeros([2, ...shape.map(Number)]));
      const output = tf.tidy(() => model.apply(zeros, { training: true }) as Tensor);
      const made = output.shape.slice(1);
      tf.dispose([output, zeros]);
      return agree(said, made) && !made.includes(0) ? said : null;
    } finally {
      model.dispose();
    }
  } catch {
    return null;
  }
}

const known = (shape: OpenShape | null | undefined) => shape?.map((size) => size ?? "any") ?? "refused";

describe("a layer takes what Keras and TensorFlow.js both take", () => {
  test.each(entries.map((entry) => [`${entry.className} ${JSON.stringify(entry.config)}`, entry] as const))(
    "%s",
    async (_, entry) => {
      const ours: Record<string, unknown> = {};
      const both: Record<string, unknown> = {};
      for (const [inputs, keras] of entry.shapes) {
        const topology = modelOf(entry, inputs);
        const at = JSON.stringify(inputs);
        const problems = shapeProblems(topology);
        const inferred = inferModel(topology)?.outputShape;
        expect(problems.length > 0 || inferred !== undefined, `${at} is told`).toBe(true);
        const tfjs = await built(normalTopology(topology), inputs);
        const taken = keras !== null && tfjs !== null && agree(keras, tfjs) ? keras : null;
        ours[at] = known(problems.length > 0 ? null : inferred);
        both[at] = known(taken);
      }
      expect(ours).toEqual(both);
    },
  );
});

/** Where one of them leaves a size open, the other may know it. */
function agree(a: OpenShape, b: OpenShape): boolean {
  return a.length === b.length && a.every((size, i) => size === null || b[i] === null || size === b[i]);
}
