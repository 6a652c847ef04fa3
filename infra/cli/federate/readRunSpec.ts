// The body of the request that creates a federation's run: its spec with its model put in, checked as the api
// checks it, so that nothing is started for a spec that would be refused.
import { FlError } from "../../../shared/core/errors.ts";
import { isObject } from "../../../shared/core/models/topology.ts";
import { foreseeModel, type InitialFile } from "../../../shared/core/round/runCheck.ts";
import { hasTopology } from "../../../shared/core/schemas/model.ts";
import { inPlainWords, plainProblems } from "../../../shared/core/schemas/plainProblems.ts";
import { RunSpec } from "../../../shared/core/schemas/spec.ts";
import { parseHeader } from "../../../shared/core/updates/safetensors.ts";
import { readBytes } from "../files.ts";
import { type Federation, readJson, refused } from "./federationFile.ts";

/** What the command line sets in the place of the spec's. */
export interface SpecChanges {
  readonly rounds: number | undefined;
  readonly seed: number | undefined;
}

export interface WrittenSpec {
  /** As the api takes it; without weights, which are uploaded first. */
  readonly body: Readonly<Record<string, unknown>>;
  /** With weights of no upload, where the federation has any. */
  readonly spec: RunSpec;
}

/** Stands for an upload that is yet to be made. */
const NO_UPLOAD = "0".repeat(16);

/** @throws FlError("invalid-argument") naming the file, with every problem of spec, model and weights */
export async function readRunSpec(federation: Federation, changes: SpecChanges): Promise<WrittenSpec> {
  const written = await readJson(federation.spec);
  if (!isObject(written)) throw refused(federation.spec, [{ path: "", message: "it is not an object" }]);
  if (federation.model !== undefined && written["model"] !== undefined) {
    const message = `leave it out, or the model of ${federation.file}: there are two`;
    throw refused(federation.spec, [{ path: "model", message }]);
  }
  if (isObject(written["model"]) && written["model"]["weights"] !== undefined) {
    const message = `leave it out, and name a file as weights of ${federation.file}: the local cloud begins without uploads and runs`;
    throw refused(federation.spec, [{ path: "model.weights", message }]);
  }
  const { rounds, seed } = changes;
  const body: Readonly<Record<string, unknown>> = {
    ...written,
    ...(federation.model === undefined ? {} : { model: { layers: await readJson(federation.model) } }),
    ...(rounds === undefined ? {} : { stop: { ...Object(written["stop"]), rounds } }),
    ...(seed === undefined ? {} : { seed }),
  };
  const { weights } = federation;
  const begun =
    weights === undefined
      ? body
      : {
          ...body,
          model: { ...Object(body["model"]), weights: { upload: NO_UPLOAD, partial: weights.partial } },
        };
  const parsed = RunSpec.safeParse(begun, inPlainWords);
  if (!parsed.success) throw refused(federation.spec, plainProblems(parsed.error));
  if (!hasTopology(parsed.data.model)) {
    const message =
      "it names parameters and no layers, and the functions here train layers: name a model, or train with a client of your own (examples/python-client)";
    throw refused(federation.file, [{ path: "model", message }]);
  }
  const file = weights === undefined ? null : await initialFile(weights.file);
  const { problems } = foreseeModel(parsed.data, file);
  const [ofWeights, ofModel] = [true, false].map((isFile) =>
    problems.filter(({ path }) => (path === file?.path) === isFile),
  );
  if (ofModel !== undefined && ofModel.length > 0) {
    throw refused(
      federation.model ?? federation.spec,
      ofModel.map(({ path, message }) => ({ path: path.startsWith("model") ? "" : path, message })),
    );
  }
  if (weights !== undefined && ofWeights !== undefined && ofWeights.length > 0) {
    throw refused(
      weights.file,
      ofWeights.map(({ message }) => ({ path: "", message })),
    );
  }
  return { body, spec: parsed.data };
}

/** What is in a file of weights. @throws FlError("invalid-argument") naming it, where it is no safetensors */
async function initialFile(path: string): Promise<InitialFile> {
  const bytes = await readBytes(path);
  try {
    return { path: "model.weights.upload", tensors: parseHeader(bytes).tensors };
  } catch (error) {
    if (!(error instanceof FlError)) throw error;
    throw refused(path, [{ path: "", message: error.message.replace(/\.$/, "") }]);
  }
}
