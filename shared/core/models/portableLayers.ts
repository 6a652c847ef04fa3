// Layers whose gradients TensorFlow.js computes wrongly on WebAssembly, found by comparing them with Keras.
import { FlError } from "../errors.ts";
import type { LayersTopology } from "../schemas/model.ts";
import { layersOf, wrappedLayer } from "./topology.ts";

/**
 * Throws `failed-precondition` for a model that the portable backend would train wrongly, naming the layer.
 */
export function refuseWrongGradients(topology: LayersTopology): void {
  for (const outer of layersOf(topology)) {
    const { className, config } = wrappedLayer(outer) ?? outer;
    const pools = /^(Max|Average)Pooling(\d)D$/.exec(className);
    const isRight =
      pools !== null &&
      (pools[2] === "2" || pools[2] === "1") &&
      (pools[1] === "Max" || (pools[2] === "2" && config["padding"] !== "same"));
    const wrong = className === "Conv3D" || (pools !== null && !isRight);
    if (!wrong) continue;
    throw new FlError(
      "failed-precondition",
      `The wasm backend cannot train the layer "${outer.name}" (${className}), which this model needs; install native TensorFlow.`,
      { reason: "no-backend" },
    );
  }
}
