// The weights that a run begins with where its spec names an upload or a version of another run: read from
// the bucket, by name.
import { FloatSink } from "../../shared/cloud/tensors/floats.ts";
import { FlError } from "../../shared/core/errors.ts";
import { checkGivenValues, givenWeights } from "../../shared/core/models/givenWeights.ts";
import { initialWeights } from "../../shared/core/models/initialWeights.ts";
import type { LayersTopology } from "../../shared/core/schemas/model.ts";
import type { StoredWeights } from "../../shared/core/schemas/spec.ts";
import {
  elementCount,
  headerEnd,
  parseHeader,
  type TensorEntry,
} from "../../shared/core/updates/safetensors.ts";
import type { ModelParameter, ModelShape, Weights } from "../../shared/core/updates/weights.ts";
import type { EvaluatorDeps } from "./deps.ts";

/** Times the file that it takes in memory: the file itself, and its values as floats and as a version. */
const FILE_COPIES = 3;

type Deps = Pick<EvaluatorDeps, "objects" | "capacity">;

/**
 * The weights in the order of the model. What a partial file lacks is drawn from the seed.
 *
 * @throws FlError("invalid-argument") for a file that does not fit the model or the memory
 */
export async function givenInitialWeights(
  stored: StoredWeights,
  topology: LayersTopology,
  shapes: ModelShape,
  seed: number,
  deps: Deps,
): Promise<Weights> {
  const { file, tensors } = await readGivenFile(stored, deps);
  const given = givenWeights(topology, shapes, tensors, stored.partial);
  const drawn = given.filter(({ tensor }) => tensor === undefined).map(({ parameter }) => parameter);
  const rest = new Map(initialWeights(topology, drawn, seed).map((weight) => [weight.name, weight.values]));
  return given.map(({ parameter, tensor }) => {
    const { name, shape } = parameter;
    if (tensor === undefined) return { name, shape, values: rest.get(name) ?? new Float32Array() };
    return { name, shape, values: givenValues(parameter, tensor, file) };
  });
}

/** The file of the weights, whole. @throws FlError("invalid-argument" | "not-found") for one that is not. */
export async function readGivenFile(
  { object, from }: StoredWeights,
  { objects, capacity }: Deps,
): Promise<{ readonly file: Uint8Array; readonly tensors: readonly TensorEntry[] }> {
  const info = await objects.stat(object);
  if (info === null) {
    throw new FlError(
      "not-found",
      from === undefined
        ? "The upload of model.weights is gone: upload the file and create the run anew."
        : `Version ${from.version} of run ${from.runId}, which model.weights names, is gone: create the run anew with another.`,
    );
  }
  if (info.sizeBytes * FILE_COPIES > capacity.memoryMib * 2 ** 20) {
    throw new FlError(
      "invalid-argument",
      `The file of model.weights is too large: it has ${info.sizeBytes} bytes, and the evaluator ${capacity.memoryMib} MiB; give it more memory.`,
    );
  }
  const file = await objects.read(object);
  const { tensors, fileBytes } = parseHeader(file.subarray(0, headerEnd(file)));
  if (fileBytes !== file.byteLength) {
    throw new FlError(
      "invalid-argument",
      "The file of model.weights is not whole: create the run anew with another.",
    );
  }
  return { file, tensors };
}

/** A tensor of the file as float32. @throws FlError("invalid-argument") for values that no training could start from. */
export function givenValues(parameter: ModelParameter, tensor: TensorEntry, file: Uint8Array): Float32Array {
  const sink = new FloatSink(tensor.dtype, elementCount(parameter.shape), 1);
  sink.push(file.subarray(tensor.begin, tensor.end));
  checkGivenValues(parameter, sink.values);
  return sink.values;
}
