// The weights of a run that has parameters and no topology: all of them come from the file that it names, and
// nothing is built to know them.
import { FlError } from "../../shared/core/errors.ts";
import { namedTensors, ownedByNobody } from "../../shared/core/models/namedModel.ts";
import { refs } from "../../shared/core/ports/store.ts";
import { NamedModel, type NamedParameter } from "../../shared/core/schemas/model.ts";
import type { StoredRunSpec, StoredWeights } from "../../shared/core/schemas/spec.ts";
import type { ModelShape, Weights } from "../../shared/core/updates/weights.ts";
import type { EvaluatorDeps } from "./deps.ts";
import { givenValues, readGivenFile } from "./givenInitialWeights.ts";

/** Problems that a reason lists. */
const MAX_PROBLEMS = 10;

/**
 * The parameters as the run names them, or as the file does, and their values.
 *
 * @throws FlError("invalid-argument") for a file that does not have them, or does not fit the memory
 */
export async function namedInitialWeights(
  { parameters, weights }: Extract<StoredRunSpec["model"], { parameters: string }>,
  deps: Pick<EvaluatorDeps, "objects" | "capacity" | "store">,
): Promise<{ readonly shapes: ModelShape; readonly weights: Weights }> {
  const source: unknown = JSON.parse(new TextDecoder().decode(await deps.objects.read(parameters)));
  const { file, tensors } = await readGivenFile(weights, deps);
  const wanted = NamedModel.parse(source).parameters ?? (await parametersOf(weights, deps));
  const { found, problems } = namedTensors(wanted, tensors);
  if (problems.length > 0) {
    const shown = problems.slice(0, MAX_PROBLEMS).map(({ message }) => message);
    const rest = problems.length > shown.length ? `; and ${problems.length - shown.length} more` : "";
    throw new FlError(
      "invalid-argument",
      `The file of model.weights does not fit model.parameters: ${shown.join("; ")}${rest}.`,
    );
  }
  return {
    shapes: found.map(({ parameter }) => parameter),
    weights: found.map(({ parameter, tensor }) => ({
      name: parameter.name,
      shape: parameter.shape,
      values: givenValues(parameter, tensor, file),
    })),
  };
}

/** Those of the run that the version is of, with their roles; undefined where an upload names them itself. */
async function parametersOf(
  { from }: StoredWeights,
  { store }: Pick<EvaluatorDeps, "store">,
): Promise<readonly NamedParameter[] | undefined> {
  if (from === undefined) return undefined;
  const run = await store.get(refs.run(from.runId));
  if (run?.model != null) return ownedByNobody(run.model.parameters);
  throw new FlError(
    "not-found",
    `Run ${from.runId}, which model.weights names, is gone: create the run anew, with model.parameters.`,
  );
}
