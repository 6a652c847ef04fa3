// A topology as TensorFlow.js is to build it. No weight is drawn where such a topology is built: every
// initializer in it is Zeros.
import type { LayersTopology } from "../schemas/model.ts";
import { inOneDialect, normalTopology } from "./normalTopology.ts";
import type { Config } from "./topology.ts";
import { writtenOut } from "./writtenOut.ts";

/** What TensorFlow.js takes where a topology names nothing, and Keras takes something else for. */
const kerasDefaults: Readonly<Record<string, Config>> = {
  LSTM: { recurrent_activation: "sigmoid" },
  GRU: { recurrent_activation: "sigmoid" },
  Softmax: { axis: -1 },
};

/** The initializers that each class takes. TensorFlow.js draws by its own wherever one is left out. */
const kernelAndBias = ["kernel_initializer", "bias_initializer"];
const depthwise = ["depthwise_initializer", "bias_initializer"];
const recurrent = ["kernel_initializer", "recurrent_initializer", "bias_initializer"];
const initializerKeys: Readonly<Record<string, readonly string[]>> = {
  Dense: kernelAndBias,
  Conv1D: kernelAndBias,
  Conv2D: kernelAndBias,
  Conv3D: kernelAndBias,
  Conv2DTranspose: kernelAndBias,
  Conv3DTranspose: kernelAndBias,
  DepthwiseConv2D: depthwise,
  SeparableConv2D: [...depthwise, "pointwise_initializer"],
  Embedding: ["embeddings_initializer"],
  PReLU: ["alpha_initializer"],
  SimpleRNN: recurrent,
  SimpleRNNCell: recurrent,
  LSTM: recurrent,
  LSTMCell: recurrent,
  GRU: recurrent,
  GRUCell: recurrent,
  BatchNormalization: [
    "gamma_initializer",
    "beta_initializer",
    "moving_mean_initializer",
    "moving_variance_initializer",
  ],
  LayerNormalization: ["gamma_initializer", "beta_initializer"],
};

/**
 * The same model for `tf.models.modelFromJSON`, as a new object. Runs of 0.1 keep topologies in other words,
 * too.
 */
export function tfjsTopology(topology: LayersTopology): LayersTopology {
  return inOneDialect(writtenOut(normalTopology(topology)), asBuilt);
}

function asBuilt(className: string, config: Config): Config {
  const options: Record<string, unknown> = { ...kerasDefaults[className], ...config };
  for (const key of Object.hasOwn(initializerKeys, className) ? (initializerKeys[className] ?? []) : []) {
    options[key] = { class_name: "Zeros", config: {} };
  }
  // It changes how fast a graph runs, not what it computes.
  if (options["unroll"] === true) options["unroll"] = false;
  // It takes one size for both axes, and leaves open what it makes of it.
  if (className === "UpSampling2D" && typeof options["size"] === "number") {
    options["size"] = [options["size"], options["size"]];
  }
  if (className === "LSTM" || className === "LSTMCell") options["unit_forget_bias"] = false;
  return options;
}
