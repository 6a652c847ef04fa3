// The run that a client under test is asked to train: its parameters, the values that it starts from, and its
// layers where it has any.
import { loadTrainer } from "../../shared/cloud/tensors/loadTrainer.ts";
import { FlError } from "../../shared/core/errors.ts";
import { givenTopology } from "../../shared/core/models/givenTopology.ts";
import { givenWeights } from "../../shared/core/models/givenWeights.ts";
import { initialWeights } from "../../shared/core/models/initialWeights.ts";
import { modelProblems } from "../../shared/core/models/modelProblems.ts";
import { namedTensors } from "../../shared/core/models/namedModel.ts";
import { normalTopology } from "../../shared/core/models/normalTopology.ts";
import { sequenceShapes } from "../../shared/core/models/parameterShapes.ts";
import { neededRelease } from "../../shared/core/round/clientRelease.ts";
import { hasTopology, type LayersTopology } from "../../shared/core/schemas/model.ts";
import { inPlainWords, plainProblems } from "../../shared/core/schemas/plainProblems.ts";
import { RunSpec } from "../../shared/core/schemas/spec.ts";
import { decodeSafetensors, type Tensor, type TensorEntry } from "../../shared/core/updates/safetensors.ts";
import { type ModelShape, type Weights, weightsOf } from "../../shared/core/updates/weights.ts";

/** What stands for the upload of a spec that is not sent to any api. */
const NO_UPLOAD = "0000000000000000";

export interface TheRun {
  readonly spec: RunSpec;
  readonly parameters: ModelShape;
  /** In the order of the parameters. */
  readonly weights: Weights;
  /** Null in a run of parameters alone. */
  readonly topology: LayersTopology | null;
  /** The release of the client protocol that it takes. */
  readonly release: number;
}

/** A softmax over four numbers and three classes. */
const EXAMPLE = {
  name: "conformance",
  model: { inputShape: [4], layers: [{ type: "Dense", units: 3, activation: "softmax" }] },
  training: { localEpochs: 2, batchSize: 8, optimizer: { name: "sgd", learningRate: 0.1 } },
  selection: { strategy: "random", cohortSize: 1 },
};

/**
 * @param json a run's spec, as for `POST /v1/runs`; the example where undefined. `model.weights` may be left
 *   out where there is a file.
 * @param file the initial values, safetensors in float32; drawn from the seed where undefined
 * @throws FlError("invalid-argument") for a spec or a file that no run could be created with
 */
export async function theRun(json: unknown, file: Uint8Array | undefined): Promise<TheRun> {
  const spec = readSpec(json ?? EXAMPLE, file !== undefined);
  const { model, training, seed } = spec;
  const tensors = file === undefined ? undefined : decodeSafetensors(file).tensors;
  const release = (parameters: ModelShape) =>
    neededRelease({ ...spec, model: hasTopology(model) ? { builtin: "" } : UNREAD }, parameters);
  if (!hasTopology(model)) {
    const { found, problems } = namedTensors(model.parameters, entriesOf(tensors ?? []));
    if (problems.length > 0) throw refused(problems.map(({ message }) => message));
    const parameters = found.map(({ parameter }) => parameter);
    const held = parameters.flatMap(({ name }) => tensors?.filter((tensor) => tensor.name === name) ?? []);
    return {
      spec,
      parameters,
      weights: weightsOf(held, parameters),
      topology: null,
      release: release(parameters),
    };
  }
  const given = givenTopology(model);
  const problems = modelProblems(given, training.loss);
  if (problems.length > 0) throw refused(problems);
  const topology = normalTopology(given);
  const parameters = sequenceShapes(topology) ?? (await shapesOf(topology));
  const weights =
    tensors === undefined
      ? initialWeights(topology, parameters, seed)
      : weightsOf(renamed(topology, parameters, tensors), parameters);
  return { spec, parameters, weights, topology, release: release(parameters) };
}

/** As `neededRelease` reads a stored spec; where the objects lie makes no difference to it. */
const UNREAD = { parameters: "", weights: { object: "", partial: false } };

function readSpec(json: unknown, hasFile: boolean): RunSpec {
  const isRecord = (value: unknown): value is object => typeof value === "object" && value !== null;
  const given = isRecord(json) && "model" in json && isRecord(json.model) ? json.model : {};
  const model = hasFile ? { ...given, weights: { upload: NO_UPLOAD } } : { ...given, weights: undefined };
  const parsed = RunSpec.safeParse(isRecord(json) ? { ...json, model } : json, inPlainWords);
  if (parsed.success) return parsed.data;
  throw refused(
    plainProblems(parsed.error).map(({ path, message }) => (path === "" ? message : `${path}: ${message}`)),
  );
}

function refused(problems: readonly string[]): FlError {
  return new FlError("invalid-argument", `No run can be made of this: ${problems.join("; ")}.`);
}

async function shapesOf(topology: LayersTopology): Promise<ModelShape> {
  const trainer = await loadTrainer({ kind: "tensorflow", prefer: "auto" });
  return trainer.describe(topology);
}

/** The file's tensors by the names that the run has for them, which may be Keras' in the file. */
function renamed(
  topology: LayersTopology,
  parameters: ModelShape,
  tensors: readonly Tensor[],
): readonly Tensor[] {
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  return givenWeights(topology, parameters, entriesOf(tensors), false).flatMap(({ parameter, tensor }) => {
    const held = byName.get(tensor?.name ?? "");
    return held === undefined ? [] : [{ ...held, name: parameter.name }];
  });
}

/** Where the bytes lie is of no interest here. */
function entriesOf(tensors: readonly Tensor[]): readonly TensorEntry[] {
  return tensors.map(({ name, dtype, shape }) => ({ name, dtype, shape, begin: 0, end: 0 }));
}
