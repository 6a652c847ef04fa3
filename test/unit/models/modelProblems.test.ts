// What is wrong with a model before it is built: everything at once, by layer and option, with what to do.
import { describe, expect, test } from "vitest";
import { builtinModels } from "../../../shared/core/models/builtinModels.ts";
import { modelProblems } from "../../../shared/core/models/modelProblems.ts";
import { toLayersTopology } from "../../../shared/core/models/topology.ts";
import type { Loss } from "../../../shared/core/schemas/loss.ts";

type Config = Readonly<Record<string, unknown>>;

const layer = (className: string, config: Config) => ({
  class_name: className,
  config: { name: className.toLowerCase(), ...config },
});
const input = { batch_input_shape: [null, 4] };
const steps = { batch_input_shape: [null, 4, 2] };
const dense = (config: Config = {}) => layer("Dense", { units: 3, ...config });
const softmax = dense({ name: "out", activation: "softmax" });

function problemsOf(
  layers: readonly unknown[],
  loss: Loss = "sparseCategoricalCrossentropy",
  more: Config = {},
): string {
  return modelProblems(
    { model_config: { class_name: "Sequential", config: { layers } }, ...more },
    loss,
  ).join("\n");
}

test.each(builtinModels.map((spec) => [spec.name, spec] as const))("%s has none", (_, spec) => {
  expect(modelProblems(toLayersTopology(spec), spec.loss)).toEqual([]);
});

test("all problems are reported at once", () => {
  const found = problemsOf([
    dense({ ...input, batch_input_shape: [8, 4], kernel_constraint: { class_name: "NonNeg", config: {} } }),
    layer("Warp", {}),
    layer("Dense", { name: "last", units: 2, activation: "hard_sigmoid", speed: 3 }),
  ]);
  expect(found.split("\n")).toHaveLength(6);
  for (const part of [
    /"dense" \(Dense\): batch_input_shape fixes the batch at 8 samples: write null/,
    /kernel_constraint is not supported/,
    /"warp" \(Warp\): this class is not supported; there are InputLayer/,
    /"last" \(Dense\): activation "hard_sigmoid" is not supported/,
    /speed is not known here: leave it out/,
    /ends in "hard_sigmoid"/,
  ]) {
    expect(found).toMatch(part);
  }
});

describe("what only shows in training", () => {
  test.each<[string, readonly unknown[], RegExp]>([
    [
      "every layer frozen",
      [
        dense({ ...input, trainable: false }),
        { ...softmax, config: { ...softmax.config, trainable: false } },
      ],
      /^every layer that learns has trainable false.*Set it to true/,
    ],
    ["nothing that learns", [layer("Softmax", input)], /^the model has no parameters to train/],
    ["a state", [layer("LSTM", { ...steps, units: 2, stateful: true }), softmax], /stateful must be false/],
    [
      "a softmax of one",
      [dense({ ...input, units: 1, activation: "softmax" })],
      /softmax of one unit is always 1/,
    ],
    [
      "a linear end",
      [dense({ name: "d", ...input })],
      /"d" \(Dense\): the loss .* ends in "linear".*"softmax"/,
    ],
    ["a sigmoid end", [dense({ ...input, activation: "sigmoid" })], /or take the loss "binaryCrossentropy"/],
    [
      "a GRU as Keras has it",
      [layer("GRU", { ...steps, units: 2 }), softmax],
      /reset_after must be given as false/,
    ],
    [
      "a mask that no layer takes in",
      [
        layer("Embedding", { input_dim: 5, output_dim: 2, mask_zero: true, ...input }),
        layer("Flatten", {}),
        softmax,
      ],
      /"flatten" \(Flatten\): it would not see the mask of "embedding": .*; or give it mask_zero false$/,
    ],
    [
      "a mask that reaches the loss",
      [layer("Masking", steps), layer("LSTM", { units: 2, return_sequences: true, activation: "softmax" })],
      /its mask reaches the output/,
    ],
    [
      "a regularizer of another kind",
      [dense({ ...input, kernel_regularizer: { class_name: "OrthogonalRegularizer", config: {} } }), softmax],
      /kernel_regularizer is not supported here; there are L1, L2 and L1L2/,
    ],
    [
      "an activity regularizer",
      [dense({ ...input, activity_regularizer: "l2" }), softmax],
      /activity_regularizer is not supported/,
    ],
    ["half floats", [dense({ ...input, dtype: "float16" }), softmax], /dtype must be float32/],
    [
      "a frozen layer within a wrapper",
      [layer("TimeDistributed", { ...steps, layer: dense({ trainable: false }) }), softmax],
      /its layer's trainable is false: set trainable on the wrapper/,
    ],
    [
      "two outputs of a wrapper",
      [layer("Bidirectional", { ...steps, merge_mode: null, layer: layer("LSTM", { units: 2 }) }), softmax],
      /merge_mode must be/,
    ],
    [
      "a frozen model within the model",
      [
        { class_name: "Sequential", config: { name: "in", trainable: false, layers: [dense(input)] } },
        softmax,
      ],
      /model "in": trainable is false: set it on the layers/,
    ],
    [
      "a function of one's own as an activation",
      [dense({ ...input, activation: { class_name: "function", config: "mine" } }), softmax],
      /activation is code of its own, which cannot be read from a topology: name one; there are linear, relu/,
    ],
    [
      "a layer as an activation",
      [dense({ ...input, activation: { class_name: "LeakyReLU", config: {} } }), softmax],
      /activation is a layer here \(LeakyReLU\): put it after this one$/,
    ],
  ])("%s", (_, layers, reason) => {
    const found = problemsOf(layers);
    expect(found).toMatch(reason);
    expect(found.split("\n")).toHaveLength(1);
  });

  test("a binary cross-entropy takes a sigmoid, an error takes anything", () => {
    const ends = (activation: string) => [dense({ ...input, activation })];
    expect(problemsOf(ends("sigmoid"), "binaryCrossentropy")).toBe("");
    expect(problemsOf(ends("softmax"), "binaryCrossentropy")).toMatch(/activation "sigmoid"/);
    expect(problemsOf(ends("linear"), "meanSquaredError")).toBe("");
    expect(problemsOf([dense(input), layer("Activation", { activation: "softmax" })])).toBe("");
  });

  test("from_logits in a compiled model is refused by its name", () => {
    const loss = { class_name: "SparseCategoricalCrossentropy", config: { from_logits: true } };
    const compiled = { training_config: { loss } };
    expect(
      problemsOf([{ ...softmax, config: { ...softmax.config, ...input } }], undefined, compiled),
    ).toMatch(/training_config: from_logits is not supported/);
  });
});

test("a frozen model within the model is one whose layers are all frozen, as Keras writes it", () => {
  const inner = (...layers: readonly Config[]) => ({
    class_name: "Sequential",
    config: { name: "in", trainable: false, layers },
  });
  const frozen = dense({ ...input, trainable: false });
  const nested = inner(
    layer("Dropout", { rate: 0.1 }),
    layer("TimeDistributed", { trainable: false, layer: dense() }),
  );
  expect(problemsOf([inner(frozen, layer("Flatten", {})), softmax])).toBe("");
  const steps = dense({ ...input, batch_input_shape: [null, 5, 4], trainable: false });
  expect(problemsOf([steps, inner(nested), softmax])).toBe("");
  expect(problemsOf([steps, inner(nested, dense({ name: "late" })), softmax])).toMatch(
    /model "in": trainable is false/,
  );
});

test("names like those of every object's properties are no classes", () => {
  for (const className of ["toString", "constructor", "__proto__"]) {
    expect(problemsOf([layer(className, input), softmax])).toContain("this class is not supported");
  }
});

describe("what TensorFlow.js lacks is refused with the nearest substitute", () => {
  const graph = (written: Config, hasOwnLayers = false) =>
    modelProblems(
      {
        model_config: {
          class_name: "Functional",
          config: {
            layers: [
              layer("InputLayer", { name: "x", ...input }),
              { ...layer("Dense", { name: "d", units: 4 }), name: "d", inbound_nodes: [[["x", 0, 0, {}]]] },
              written,
            ],
            input_layers: [["x", 0, 0]],
            output_layers: [["last", 0, 0]],
          },
        },
      },
      "meanSquaredError",
      hasOwnLayers,
    ).join("\n");
  const tensor = (name: string) => ({
    class_name: "__keras_tensor__",
    config: { shape: [null, 4], keras_history: [name, 0, 0] },
  });
  const called = (className: string, module: string, args: readonly unknown[], more: Config = {}) => ({
    ...layer(className, { name: "last" }),
    name: "last",
    module,
    inbound_nodes: [{ args, kwargs: {} }],
    ...more,
  });

  test.each([
    ["MultiHeadAttention", /"multiheadattention" \(MultiHeadAttention\): .*not supported: attention is Dot/],
    ["Normalization", /mean and variance must be given, .*what adapt\(\) measures lies in weights/],
    ["TextVectorization", /not supported: number the tokens in the clients' data/],
    ["ConvLSTM2D", /not supported: take TimeDistributed with Conv2D/],
    ["Lambda", /not supported: its code cannot be read/],
    ["constructor", /not supported; there are InputLayer/],
  ])("a layer: %s", (className, reason) => {
    expect(problemsOf([layer(className, {}), softmax])).toMatch(reason);
  });

  test("an option", () => {
    const causal = layer("Conv1D", { ...steps, filters: 2, kernel_size: 2, padding: "causal" });
    expect(problemsOf([causal, softmax])).toMatch(/padding must be "valid" or "same".*Pad the start of each/);
    const gru = layer("GRU", { ...steps, units: 2, reset_after: true });
    expect(problemsOf([gru, softmax])).toMatch(/give the layer reset_after=False in Keras/);
    expect(problemsOf([dense({ ...input, activation: "leaky_relu" }), softmax])).toMatch(/take a LeakyReLU/);
  });

  test("an operation on tensors, which is no layer of its name", () => {
    const numpy = "keras.src.ops.numpy";
    expect(graph(called("Multiply", numpy, [tensor("d"), 0.5]))).toMatch(
      /"last" \(Multiply\): it is an operation on tensors.*take a Rescaling layer for a number/,
    );
    expect(graph(called("GetItem", numpy, [tensor("d"), 0]))).toMatch(/operation.*cut the samples/);
    expect(graph(called("Erf", "keras.src.ops.math", [tensor("d")]))).toMatch(/write it as a layer/);
    expect(graph(called("Add", numpy, [tensor("d"), tensor("x")]))).toBe("");
    expect(graph(called("Add", "keras.layers", [[tensor("d"), tensor("x")]]))).toBe("");
    expect(graph(called("Add", "keras.layers", [[tensor("d")]]))).toMatch(/called with one tensor/);
  });

  test("a class that is called with several tensors is refused as a class only, unless it may be an owner's", () => {
    const model = (hasOwnLayers: boolean) =>
      graph(called("MultiHeadAttention", "keras.layers", [[tensor("d"), tensor("x")]]), hasOwnLayers);
    expect(model(false)).toMatch(
      /^layer "last" \(MultiHeadAttention\): this class is not supported: .*LSTM$/,
    );
    expect(model(true)).toBe(
      'layer "last" (MultiHeadAttention): it is called with 2 tensors: only its input is supported',
    );
  });

  test("a class of one's own that has a name of Keras", () => {
    const reason = /"last" \(Dense\): a class of your own is not supported/;
    expect(graph(called("Dense", "__main__", [tensor("d")]))).toMatch(reason);
    expect(graph(called("Dense", "keras.layers", [tensor("d")], { registered_name: "mine>Dense" }))).toMatch(
      reason,
    );
    expect(graph(called("Dense", "tf_keras.layers", [tensor("d")]))).not.toMatch(reason);
  });

  test("a name that two layers have", () => {
    expect(problemsOf([dense(input), dense(), softmax])).toMatch(
      /"dense": there are several layers of this name/,
    );
  });
});

test.each([
  ["linear", "kullbackLeiblerDivergence", /needs probabilities.*the activation "softmax"$/],
  ["softmax", "kullbackLeiblerDivergence", /^$/],
  ["sigmoid", "kullbackLeiblerDivergence", /^$/],
  ["linear", "huber", /^$/],
  ["softmax", "meanAbsoluteError", /^$/],
  ["tanh", "hinge", /^$/],
  ["softplus", "poisson", /^$/],
] as const)("a model that ends in %s with %s", (activation, loss, problems) => {
  expect(problemsOf([dense({ ...input, activation })], loss)).toMatch(problems);
});

describe("what no run can train is said when it is created", () => {
  const ends = (inputs: unknown, outputs: unknown) =>
    modelProblems(
      {
        model_config: {
          class_name: "Functional",
          config: { layers: [dense(input)], input_layers: inputs, output_layers: outputs },
        },
      },
      "meanSquaredError",
    ).join("\n");
  const [a, b] = [
    ["a", 0, 0],
    ["dense", 0, 0],
  ];

  test("several inputs or outputs", () => {
    expect(ends([a, b], b)).toMatch(/^the model has 2 inputs \("a", "dense"\).*join them in the data$/);
    expect(ends(b, [a, b])).toMatch(/^the model has 2 outputs .*Concatenate/);
    expect(ends(b, b)).toBe("");
    expect(ends([b], [b])).toBe("");
  });

  test("a model of a class of one's own", () => {
    const own = { model_config: { class_name: "Net", config: {} } };
    expect(modelProblems(own, "meanSquaredError")).toEqual([
      expect.stringMatching(/class of its own, Net, whose code/),
    ]);
  });
});
