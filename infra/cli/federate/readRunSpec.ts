// The body of the request that creates a federation's run: its spec with its model put in, checked as the api
// checks it, so that nothing is started for a spec that would be refused.
import { givenTopology } from "../../../shared/core/models/givenTopology.ts";
import { modelProblems } from "../../../shared/core/models/modelProblems.ts";
import { isObject } from "../../../shared/core/models/topology.ts";
import { inPlainWords, plainProblems } from "../../../shared/core/schemas/plainProblems.ts";
import { RunSpec } from "../../../shared/core/schemas/spec.ts";
import { type Federation, readJson, refused } from "./federationFile.ts";

/** What the command line sets in the place of the spec's. */
export interface SpecChanges {
  readonly rounds: number | undefined;
  readonly seed: number | undefined;
}

export interface WrittenSpec {
  /** As the api takes it; without weights, which are uploaded first. */
  readonly body: Readonly<Record<string, unknown>>;
  readonly spec: RunSpec;
}

/** @throws FlError("invalid-argument") naming the file, with every problem of spec and model */
export async function readRunSpec(federation: Federation, changes: SpecChanges): Promise<WrittenSpec> {
  const written = await readJson(federation.spec);
  if (!isObject(written)) throw refused(federation.spec, [{ path: "", message: "it is not an object" }]);
  if (federation.model !== undefined && written["model"] !== undefined) {
    const message = `leave it out, or the model of ${federation.file}: there are two`;
    throw refused(federation.spec, [{ path: "model", message }]);
  }
  const { rounds, seed } = changes;
  const body: Readonly<Record<string, unknown>> = {
    ...written,
    ...(federation.model === undefined ? {} : { model: { layers: await readJson(federation.model) } }),
    ...(rounds === undefined ? {} : { stop: { ...Object(written["stop"]), rounds } }),
    ...(seed === undefined ? {} : { seed }),
  };
  const parsed = RunSpec.safeParse(body, inPlainWords);
  if (!parsed.success) throw refused(federation.spec, plainProblems(parsed.error));
  const { model, training } = parsed.data;
  const problems = modelProblems(givenTopology(model), training.loss);
  if (problems.length > 0) {
    throw refused(
      federation.model ?? federation.spec,
      problems.map((message) => ({ path: "", message })),
    );
  }
  return { body, spec: parsed.data };
}
