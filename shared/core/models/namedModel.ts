// A model of parameters alone: which tensors of a file of initial values its parameters are. Only its clients
// compute with it.
import type { Problem } from "../errors.ts";
import { type NamedParameter, Parameter } from "../schemas/model.ts";
import { elementCount, quoteName, showShape, type TensorEntry } from "../updates/safetensors.ts";
import { isSameShape, type ModelShape } from "../updates/weights.ts";
import { FLOATS, listOf } from "./givenWeights.ts";

/** A parameter, and the tensor of the file that it begins with. */
export interface NamedTensor {
  readonly parameter: NamedParameter;
  readonly tensor: TensorEntry;
}

/**
 * A run's parameters as another one begins with them: which ones clients keep for themselves is for that
 * run's `training.local` to say. Undefined where there is no such run.
 */
export function ownedByNobody(parameters: ModelShape | undefined): readonly NamedParameter[] | undefined {
  return parameters?.map(({ name, shape, role, min }) => ({
    ...{ name, shape: [...shape] },
    ...(role === undefined ? {} : { role }),
    ...(min === undefined ? {} : { min }),
  }));
}

/**
 * The parameters of a model without a topology, in the order they are named in, or that of the file's bytes
 * where they are not; and everything that is wrong with them, each with its place in the run's spec. Where
 * there are problems, the tensors are those that have none.
 *
 * @param parameters as the spec names them; undefined where the file does
 * @param tensors of the file
 * @param path where the spec names the file
 */
export function namedTensors(
  parameters: readonly NamedParameter[] | undefined,
  tensors: readonly TensorEntry[],
  path = "model.weights.upload",
): { readonly found: readonly NamedTensor[]; readonly problems: readonly Problem[] } {
  const problems: Problem[] = [];
  const say = (at: string, message: string) => problems.push({ path: at, message });
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const wanted = parameters ?? tensors.map(({ name, shape }) => ({ name, shape: [...shape] }));
  const named = new Set(wanted.map(({ name }) => name));
  const missing = [...named].filter((name) => !byName.has(name));
  if (missing.length > 0) say(path, `the file lacks ${listOf(missing)}`);
  const unknown = [...byName.keys()].filter((name) => !named.has(name));
  if (unknown.length > 0) {
    say(
      path,
      `the file holds ${listOf(unknown)}, which model.parameters does not name: name it, or leave it out`,
    );
  }
  const found = wanted.flatMap((parameter, i) => {
    const tensor = byName.get(parameter.name);
    if (tensor === undefined) return [];
    const before = problems.length;
    if (!FLOATS.has(tensor.dtype)) {
      say(path, `${quoteName(tensor.name)} is ${tensor.dtype}: write it as F32, or leave it out`);
    }
    if (!isSameShape(tensor.shape, parameter.shape)) {
      const shapes = `${showShape(tensor.shape)} in the file, and ${showShape(parameter.shape)} here`;
      say(`model.parameters.${i}.shape`, `${quoteName(tensor.name)} has the shape ${shapes}`);
    }
    const [issue] = Parameter.safeParse(parameter).error?.issues ?? [];
    if (issue !== undefined) {
      say(
        path,
        `${quoteName(tensor.name)} cannot be a parameter: its ${issue.path.join(".")}: ${issue.message}`,
      );
    }
    return problems.length === before ? [{ parameter, tensor }] : [];
  });
  if (problems.length === 0 && found.every(({ parameter: { shape } }) => elementCount(shape) === 0)) {
    say(path, "the model has no values to train: give it a parameter that has some");
  }
  return { found, problems };
}
