// A model version as TensorFlow.js loads it: a model.json, and its weights in shards.
import { FlError } from "../../../../shared/core/errors.ts";
import { tfjsTopology } from "../../../../shared/core/models/tfjsTopology.ts";
import { tensorsOf } from "../../../../shared/core/updates/weights.ts";
import { refuseOtherwise } from "./computedOtherwise.ts";
import type { ExportedFile, ExportedModel } from "./exportedModel.ts";

/** As the converter of TensorFlow.js cuts them, so that browsers keep them. */
const SHARD_BYTES = 4 * 1024 * 1024;

/**
 * @param generatedBy what has written the files
 * @throws FlError("failed-precondition") for a run without a topology, and a model that TensorFlow.js alone
 *   computes otherwise
 */
export async function tfjsModel(
  { topology, weights }: ExportedModel,
  generatedBy: string,
): Promise<readonly ExportedFile[]> {
  if (topology === null) throw withoutTopology("tfjs");
  await refuseOtherwise(topology);
  const shards = shardsOf(tensorsOf(weights).map(({ data }) => data));
  const names = shards.map((_, i) => `group1-shard${i + 1}of${shards.length}.bin`);
  const json = {
    format: "layers-model",
    generatedBy,
    convertedBy: null,
    modelTopology: tfjsTopology(topology),
    weightsManifest: [
      {
        paths: names,
        weights: weights.map(({ name, shape }) => ({ name, shape, dtype: "float32" })),
      },
    ],
  };
  return [
    ...shards.map((parts, i) => ({ name: names[i] ?? "", parts })),
    { name: "model.json", parts: [new TextEncoder().encode(JSON.stringify(json))] },
  ];
}

export function withoutTopology(format: string): FlError {
  return new FlError(
    "failed-precondition",
    `The run names its parameters only and has no topology, which --format ${format} needs: take --format safetensors or npz.`,
  );
}

/** The bytes one after the other, in shards of the same size; at least one. */
function shardsOf(parts: readonly Uint8Array[]): readonly (readonly Uint8Array[])[] {
  const shards: Uint8Array[][] = [[]];
  let room = SHARD_BYTES;
  for (const part of parts) {
    for (let at = 0; at < part.byteLength; ) {
      if (room === 0) {
        shards.push([]);
        room = SHARD_BYTES;
      }
      const piece = part.subarray(at, at + room);
      shards.at(-1)?.push(piece);
      at += piece.byteLength;
      room -= piece.byteLength;
    }
  }
  return shards;
}
