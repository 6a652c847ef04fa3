// A topology in the words of Keras 3: what real Keras reads (test/contract/kerasExport.test.ts holds it to
// that), and what is read from it again.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { modelSpec } from "../../../shared/core/models/builtinModels.ts";
import { kerasVariables } from "../../../shared/core/models/kerasFile.ts";
import { givenKerasModel, type KerasModel, kerasModel } from "../../../shared/core/models/kerasModel.ts";
import { kerasNames } from "../../../shared/core/models/kerasNames.ts";
import { normalTopology } from "../../../shared/core/models/normalTopology.ts";
import { shortTopology } from "../../../shared/core/models/shortLayers.ts";
import { toLayersTopology } from "../../../shared/core/models/topology.ts";
import { deepFreeze } from "../../support/builders.ts";

const intake: readonly { readonly name: string; readonly json: { readonly class_name: string } }[] =
  JSON.parse(readFileSync(new URL("../../vectors/keras/intake.json", import.meta.url), "utf8"));

const dense = (config: object) => ({
  model_config: {
    class_name: "Sequential",
    config: { name: "m", layers: [{ class_name: "Dense", config: { name: "d", units: 2, ...config } }] },
  },
});

type Config = Readonly<Record<string, unknown>>;
const layersOf = (model: KerasModel) =>
  (
    model["config"] as {
      readonly layers: readonly { readonly class_name: string; readonly config: Config }[];
    }
  ).layers;

describe("a topology in the words of Keras 3", () => {
  it("has a layer for its input in front, and says where each class is from", () => {
    const model = kerasModel(deepFreeze(dense({ batch_input_shape: [null, 4], dtype: "float32" })));
    expect(model).toMatchObject({ module: "keras", class_name: "Sequential", registered_name: null });
    expect(layersOf(model)).toEqual([
      {
        module: "keras.layers",
        class_name: "InputLayer",
        config: { batch_shape: [null, 4], dtype: "float32", name: "input" },
        registered_name: null,
      },
      {
        module: "keras.layers",
        class_name: "Dense",
        config: { name: "d", units: 2, dtype: "float32" },
        registered_name: null,
      },
    ]);
  });

  it("names the input after no layer that is there", () => {
    const model = kerasModel(dense({ name: "input", batch_input_shape: [null, 4] }));
    expect(layersOf(model).map(({ config }) => config["name"])).toEqual(["input_1", "input"]);
  });

  it("writes initializers and regularizers as objects, and leaves out what is null", () => {
    const [, layer] = layersOf(
      kerasModel(
        dense({
          batch_input_shape: [null, 4],
          kernel_initializer: {
            class_name: "VarianceScaling",
            config: { scale: 1, mode: "fanAvg", seed: null },
          },
          bias_initializer: "zeros",
          kernel_regularizer: "l2",
          bias_constraint: null,
          activation: "swish",
        }),
      ),
    );
    expect(layer?.config).toEqual({
      name: "d",
      units: 2,
      kernel_initializer: {
        module: "keras.initializers",
        class_name: "VarianceScaling",
        config: { scale: 1, mode: "fan_avg" },
        registered_name: null,
      },
      bias_initializer: {
        module: "keras.initializers",
        class_name: "Zeros",
        config: {},
        registered_name: null,
      },
      kernel_regularizer: {
        module: "keras.regularizers",
        class_name: "L1L2",
        config: { l1: 0, l2: 0.01 },
        registered_name: null,
      },
      activation: "silu",
    });
  });

  it("leaves words from outside as they are, whatever they are called", () => {
    const options = JSON.parse('{"__proto__": {"polluted": true}, "constructor": 1}');
    const model = kerasModel(dense({ batch_input_shape: [null, 4], ...options }));
    expect(({} as Config)["polluted"]).toBeUndefined();
    expect(layersOf(model)[1]?.config["constructor"]).toBe(1);
  });

  it("is refused where there are no layers", () => {
    expect(() => kerasModel({ model_config: { class_name: "Sequential", config: { layers: [] } } })).toThrow(
      "The model's topology is malformed: it has no layers.",
    );
  });

  it.each(intake.map(({ name, json }) => [name, json] as const))("is read again as it was: %s", (_, json) => {
    const normal = normalTopology({ model_config: json });
    const again = normalTopology({ model_config: kerasModel(normal) });
    expect(kerasVariables({ model_config: kerasModel(again) })).toEqual(
      kerasVariables({ model_config: kerasModel(normal) }),
    );
    // Once in these words, nothing changes any more.
    expect(kerasModel(again)).toEqual(kerasModel(normal));
  });
});

describe("a model as it was given", () => {
  const [{ json } = { json: null }] = intake;

  it.each([
    ["under layers of a spec", { layers: json }],
    ["within a model.json", { layers: { modelTopology: { model_config: json } } }],
    ["alone", json],
  ])("is Keras 3's own %s", (_, source) => {
    const model = givenKerasModel(source);
    expect(model).toMatchObject({ module: "keras", class_name: "Sequential" });
    expect(model, "it would be compiled by other words than the run's").not.toHaveProperty("compile_config");
  });

  it.each([
    ["nothing", null],
    ["a built-in model", { builtin: "mnist-cnn" }],
    ["a list of layers", { inputShape: [4], layers: ["Flatten"] }],
    ["a model of Keras 2", { layers: toLayersTopology(modelSpec("tiny-mlp")) }],
    ["a model of a class of its own", { layers: { module: "mine", class_name: "Mine", config: {} } }],
    ["a text", "model"],
  ])("is not: %s", (_, source) => {
    expect(givenKerasModel(source)).toBeUndefined();
  });
});

it("names of Keras are told for each parameter, also of no layer that is known", () => {
  const topology = {
    model_config: {
      class_name: "Sequential",
      config: {
        layers: [
          { class_name: "LSTM", config: { name: "l" } },
          { class_name: "DepthwiseConv2D", config: { name: "c" } },
        ],
      },
    },
  };
  expect([...kerasNames(topology, ["l/kernel", "c/depthwise_kernel", "else/kernel", "bare"])]).toEqual([
    ["l/kernel", "l/lstm_cell/kernel"],
    ["c/depthwise_kernel", "c/kernel"],
    ["else/kernel", "else/kernel"],
    ["bare", "bare"],
  ]);
});

it("writes out what Keras requires, and a run does not", () => {
  const topology = shortTopology(
    [4, 4, 1],
    ["AveragePooling2D", { type: "Rescaling", scale: 2 }, { type: "AveragePooling2D", poolSize: 1 }],
  );
  const { layers } = kerasModel(topology)["config"] as { layers: { class_name: string; config: object }[] };
  expect(layers.slice(1)).toMatchObject([
    { config: { pool_size: 2 } },
    { config: { scale: 2, offset: 0 } },
    { config: { pool_size: 1 } },
  ]);
});
