// A client on its owner's machine: makes the check that a deployed client makes
// (POST /v1/clients/{id}/check), of the same code, and answers its parent process. `npm run client:dev`
// bundles it with the owner's code.
import * as z from "zod";
import { readEnv } from "../../shared/cloud/env.ts";
import { FlError } from "../../shared/core/errors.ts";
import { givenTopology } from "../../shared/core/models/givenTopology.ts";
import { initialWeights } from "../../shared/core/models/initialWeights.ts";
import { modelProblems } from "../../shared/core/models/modelProblems.ts";
import { normalTopology } from "../../shared/core/models/normalTopology.ts";
import type { CheckGrant } from "../../shared/core/schemas/checkCalls.ts";
import { hasTopology, Parameter } from "../../shared/core/schemas/model.ts";
import { missingCode } from "../../shared/core/schemas/ownCode.ts";
import { inPlainWords, plainProblems } from "../../shared/core/schemas/plainProblems.ts";
import { RunSpec } from "../../shared/core/schemas/spec.ts";
import { encodeSafetensors } from "../../shared/core/updates/safetensors.ts";
import { tensorsOf } from "../../shared/core/updates/weights.ts";
import { tryOut } from "./checkClient.ts";
import { type ClientDeps, connect } from "./deps.ts";
import { ClientEnv } from "./env.ts";

/** What the parent asks for. */
interface DevJob {
  readonly clientId: string;
  readonly data?: string;
  /** A run's spec, or null where only the data are to be read. */
  readonly spec: unknown;
}

/** Errors that led to one another, of which the last is seldom news. */
const MAX_CHAIN = 5;

process.once("message", (job: DevJob) => {
  void answer(job).then((message) => {
    process.send?.(message, () => process.exit(0));
  });
});

async function answer({ clientId, data, spec }: DevJob): Promise<object> {
  try {
    const env = readEnv(ClientEnv);
    const deps = connect(env, performance.now());
    const run = spec === null ? null : await runOf(spec, deps);
    const asked = { ...(data === undefined ? {} : { data }), ...(run === null ? {} : { run: run.run }) };
    const download: ClientDeps["download"] = async (link) => run?.files.get(link.url) ?? new Uint8Array();
    const { facts, problems, errors } = await tryOut(clientId, asked, env.MEMORY_MIB, { ...deps, download });
    for (const error of errors) deps.log.error("the check has found a problem", { error });
    return { facts, problems: problems.map(({ message }) => message), causes: errors.map(chainOf) };
  } catch (error) {
    if (error instanceof FlError) return { facts: null, problems: [error.message], causes: [] };
    throw error;
  }
}

/** An error with what it came of: the owner, who alone reads this, is told all of it. */
function chainOf(error: unknown): string {
  const messages: string[] = [];
  for (let at = error; at instanceof Error && messages.length < MAX_CHAIN; at = at.cause) {
    messages.push(at.message);
  }
  return messages.join(" Because: ");
}

/** The first round of a run of this spec, with what the coordinator would have links to. */
async function runOf(
  given: unknown,
  deps: ClientDeps,
): Promise<{ readonly run: CheckGrant["run"] & object; readonly files: ReadonlyMap<string, Uint8Array> }> {
  const parsed = RunSpec.safeParse(given, inPlainWords);
  if (!parsed.success) {
    const list = plainProblems(parsed.error).map(({ path, message }) =>
      path === "" ? message : `${path}: ${message}`,
    );
    throw new FlError("invalid-argument", `The spec cannot be used: ${list.join("; ")}.`);
  }
  const { model, training, seed, requires } = parsed.data;
  const missing = missingCode(requires, deps.code);
  if (missing !== null)
    throw new FlError("failed-precondition", `The run requires of this client ${missing}.`);
  if (!hasTopology(model)) {
    throw new FlError(
      "invalid-argument",
      "The spec's model has no topology: steps are tried on layers only.",
    );
  }
  const topology = givenTopology(model);
  const problems = modelProblems(topology, training.loss, requires?.layers !== undefined);
  if (problems.length > 0)
    throw new FlError("invalid-argument", `The model cannot be used: ${problems.join("; ")}.`);
  const normal = normalTopology(topology);
  const parameters = await (await deps.trainer()).describe(normal);
  const link = (url: string) => ({ url, headers: {}, expiresAt: 0 });
  const weights = initialWeights(normal, parameters, seed);
  return {
    run: {
      runId: "dev",
      training,
      seed,
      parameters: z.array(Parameter).parse(parameters),
      topology: link("topology"),
      model: link("model"),
    },
    files: new Map([
      ["topology", new TextEncoder().encode(JSON.stringify(normal))],
      ["model", encodeSafetensors(tensorsOf(weights))],
    ]),
  };
}
