// How much arithmetic a model is: floating-point operations of one sample, by its layers' shapes.
import type { LayersTopology } from "../schemas/model.ts";
import { elementCount } from "../updates/safetensors.ts";
import { type LayerCall, layerCalls } from "./inferShapes.ts";
import { normalTopology } from "./normalTopology.ts";
import type { OpenShape } from "./shapeRules.ts";

/**
 * Floating-point operations of one sample on its way through the model, at least 1; a multiplication and an
 * addition are two. Undefined where a shape cannot be told, or is open, such as that of texts of any length.
 *
 * Kernels count once for each place that they are applied to, everything else once for each value that a
 * layer puts out. Training takes about three times as much: forward, and backward to inputs and to weights.
 */
export function forwardFlops(topology: LayersTopology): number | undefined {
  const calls = layerCalls(normalTopology(topology));
  if (calls === undefined) return undefined;
  let flops = 1;
  for (const call of calls) {
    const own = flopsOf(call);
    if (own === undefined) return undefined;
    flops += own;
  }
  return flops;
}

/** Layers whose kernels are applied to every step of a sequence, whatever they put out. */
const RECURRENT: ReadonlySet<string> = new Set(["SimpleRNN", "GRU", "LSTM", "Bidirectional"]);
/** Layers whose kernel is applied to every place of what they are given. */
const BY_INPUT: ReadonlySet<string> = new Set(["Conv2DTranspose"]);

function flopsOf({ className, inputs, output, parameters }: LayerCall): number | undefined {
  const values = product(output);
  // A row of the table is copied for each step; nothing is multiplied.
  if (className === "Embedding" || className === "InputLayer") return values;
  const kernels = parameters.filter(({ shape }) => shape.length > 1);
  if (kernels.length === 0) return values;
  const input = inputs[0] ?? [];
  const places = RECURRENT.has(className)
    ? product(input.slice(0, 1))
    : product((BY_INPUT.has(className) ? input : output).slice(0, -1));
  if (places === undefined || values === undefined) return undefined;
  return kernels.reduce((sum, { shape }) => sum + 2 * elementCount(shape) * places, values);
}

/** 1 of no sizes; undefined where one is open. */
function product(shape: OpenShape): number | undefined {
  let whole = 1;
  for (const length of shape) {
    if (length === null) return undefined;
    whole *= length;
  }
  return whole;
}
