// Models that TensorFlow.js 4 alone computes otherwise than Keras. Batch normalisation along an axis that is
// not the last one: its kernels take means and variances along the last axis only. Masks of some recurrent
// layers: it hands them to those behind, too.
import { FlError } from "../../../../shared/core/errors.ts";
import { isPartlyMasked } from "../../../../shared/core/models/modelGraph.ts";
import { tfjsTopology } from "../../../../shared/core/models/tfjsTopology.ts";
import { layersOf } from "../../../../shared/core/models/topology.ts";
import type { LayersTopology } from "../../../../shared/core/schemas/model.ts";

interface Layer {
  readonly name: string;
  readonly layers?: readonly Layer[];
  readonly axis?: number;
  readonly inboundNodes: readonly { readonly inputShapes: readonly (readonly unknown[])[] }[];
  getClassName(): string;
}

/**
 * Throws `failed-precondition` for a model that TensorFlow.js alone computes otherwise, naming the layer. The
 * model is built where its topology does not say which axis is the last one.
 */
export async function refuseOtherwise(topology: LayersTopology): Promise<void> {
  if (isPartlyMasked(topology)) {
    throw new FlError(
      "failed-precondition",
      "TensorFlow.js computes the model otherwise than Keras: it hides the masked positions from all of its recurrent layers, and some see them. Take --format keras, safetensors or npz.",
    );
  }
  const isOpen = layersOf(topology).some(
    ({ className, config }) => className === "BatchNormalization" && (config["axis"] ?? -1) !== -1,
  );
  if (!isOpen) return;
  const { loadTensors } = await import("../../../../shared/cloud/tensors/loadTensors.ts");
  const { tf } = await loadTensors();
  const model = await tf.models.modelFromJSON(tfjsTopology(topology) as never);
  try {
    for (const layer of model.layers as unknown as readonly Layer[]) check(layer);
  } finally {
    model.dispose();
  }
}

function check(layer: Layer): void {
  for (const inner of layer.layers ?? []) check(inner);
  if (layer.getClassName() !== "BatchNormalization") return;
  const rank = layer.inboundNodes[0]?.inputShapes[0]?.length ?? 0;
  const axis = Number(layer.axis ?? -1);
  if (axis === -1 || axis === rank - 1) return;
  throw new FlError(
    "failed-precondition",
    `TensorFlow.js computes the layer ${JSON.stringify(layer.name)} otherwise than Keras: a BatchNormalization along axis ${axis} of ${rank}. Take --format keras, safetensors or npz.`,
  );
}
