// Tiers: two of two clients each, at work beside each other. Which tier is faster follows from the machine,
// so that a run is held to the rules of the protocol, and each version to what its updates must have made of
// it.
import { createTestTrainer } from "../../../../shared/cloud/tensors/testTrainer.ts";
import { refs } from "../../../../shared/core/ports/store.ts";
import { updateKey } from "../../../../shared/core/round/inbox.ts";
import { modelObject, stateObject, updatesOf } from "../../../../shared/core/round/objects.ts";
import type { Round } from "../../../../shared/core/schemas/round.ts";
import type { Run } from "../../../../shared/core/schemas/run.ts";
import { asFloat32, decodeSafetensors } from "../../../../shared/core/updates/safetensors.ts";
import type { Weights } from "../../../../shared/core/updates/weights.ts";
import { checkInvariants, checkSettled, type Documents } from "../../../unit/round/invariants.ts";
import { act, createRun, runIs, type Stage } from "../scenarios.ts";
import { FOLDING, LIVE, type Mode, only } from "./mode.ts";

const ROUNDS = 5;
/** Between our sums and those of the aggregator, in 32-bit numbers around 1. */
const TOLERANCE = 1e-5;

async function play(stage: Stage, key: string) {
  const { runId } = await createRun(stage, key, {
    selection: { strategy: "random", cohortSize: 4, clients: only("four") },
    aggregation: { strategy: "fedat", tiers: 2 },
    round: { deadlineSeconds: 600 },
    stop: { rounds: ROUNDS },
  });
  await act(stage, runId, "start", key);
  await runIs(stage, runId, ({ swept }) => swept);
  const run = await runIs(stage, runId, (now) => now.evaluatedVersion === now.modelVersion);
  const rounds = await stage.store.rounds(runId);
  await checkVersions(stage, run, rounds);
  const documents = await documentsOf(stage, run, rounds);
  checkInvariants(documents, documents);
  checkSettled(documents);
  return {
    status: run.status,
    versions: rounds.map(({ newVersion }) => newVersion),
    reasons: [...new Set(rounds.map(({ closeReason }) => closeReason))],
    totals: { failed: run.totals.failed, rejected: run.totals.rejected, missed: run.totals.missed },
    unexplained: documents.invocations
      .filter(({ status, failure }) => status !== "consumed" && status !== "cancelled" && failure === null)
      .map(({ round, clientId, status }) => `${round}/${clientId} ${status}`),
  };
}

async function documentsOf(stage: Stage, run: Run, rounds: readonly Round[]): Promise<Documents> {
  const { runId } = run;
  const invocations = [];
  for (const { round } of rounds) invocations.push(...(await stage.store.invocations(runId, round)));
  const clients = await Promise.all(LIVE.map((clientId) => stage.store.get(refs.client(clientId))));
  const { objects } = await stage.objects.list(updatesOf(runId));
  return {
    run,
    rounds,
    invocations,
    shards: await stage.store.rosterShards(runId),
    clients: clients.filter((client) => client !== null),
    models: new Map(rounds.map(({ newVersion, consumed }) => [newVersion ?? 0, consumed.map(updateKey)])),
    updates: new Set(objects.map(({ name }) => name)),
  };
}

/**
 * Trains every update once more, and folds it by hand: a tier's model is the weighted mean of what its
 * clients made of the versions that they were given, the other tier's is as it was, and a version weighs each
 * by how many versions the other has made.
 *
 * @throws Error for the first version that holds anything else.
 */
async function checkVersions(stage: Stage, { runId, spec }: Run, rounds: readonly Round[]): Promise<void> {
  const trainer = createTestTrainer();
  const data = {
    x: { shape: [1, 4], values: new Float32Array(4) },
    y: { shape: [1], values: new Float32Array(1) },
  };
  const models = new Map<string, Weights>();
  const made = new Map<number, number>();
  for (const { round, newVersion: version, tier = 0, consumed } of rounds) {
    if (version === null) throw new Error(`Round ${round} made no version.`);
    const trained = [];
    for (const { clientId, round: invitedIn, weight } of consumed) {
      const given = rounds[invitedIn - 1]?.baseVersion ?? 0;
      const weights = await tensorsAt(stage, modelObject(runId, given));
      const { training, seed } = spec;
      const task = { weights, data, training, seed, round: invitedIn, clientId };
      trained.push({ weight, model: (await trainer.train(task)).weights });
    }
    models.set(`tier-${tier}`, sumOf(trained));
    made.set(tier, (made.get(tier) ?? 0) + 1);
    const state = await tensorsAt(stage, stateObject(runId, version));
    for (const [name, model] of models) {
      const kept = state.filter((one) => one.name.startsWith(`${name}/`));
      same(kept, model, `version ${version}, the model of ${name}`);
    }
    const [first = 0, second = 0] = [made.get(1), made.get(2)];
    const shares = first === 0 || second === 0 ? [1, 1] : [second, first].map((n) => n / (first + second));
    const parts = shares.flatMap((weight, i) => {
      const model = models.get(`tier-${i + 1}`);
      return model === undefined ? [] : [{ weight, model }];
    });
    same(await tensorsAt(stage, modelObject(runId, version)), sumOf(parts), `version ${version}`);
  }
}

async function tensorsAt({ objects }: Stage, name: string): Promise<Weights> {
  const { tensors } = decodeSafetensors(await objects.read(name));
  return tensors.map((tensor) => ({ name: tensor.name, shape: tensor.shape, values: asFloat32(tensor) }));
}

function sumOf(parts: readonly { readonly weight: number; readonly model: Weights }[]): Weights {
  const [first] = parts;
  return (first?.model ?? []).map(({ name, shape, values }, at) => ({
    name,
    shape,
    values: values.map((_, i) =>
      parts.reduce((sum, { weight, model }) => sum + weight * (model[at]?.values[i] ?? Number.NaN), 0),
    ),
  }));
}

/** Tensors of the same name, a tier's without its prefix, have the same values. */
function same(actual: Weights, expected: Weights, what: string): void {
  const values = new Map(actual.map((one) => [one.name.replace(/^tier-\d+\//, ""), one.values]));
  for (const tensor of expected) {
    const found = values.get(tensor.name);
    const isSame = tensor.values.every(
      (value, i) => Math.abs(value - (found?.[i] ?? Number.NaN)) < TOLERANCE,
    );
    if (!isSame) throw new Error(`${what} is not what its updates make: ${tensor.name}`);
  }
}

export const tiered: Mode = {
  steps: {
    coordinator: ["open-round", "claim", "report", "close-round", "enqueue aggregate"],
    client: ["call claim", "upload", "call report"],
    aggregator: [...FOLDING, "write-state"],
  },
  play,
  expected: {
    status: "completed",
    versions: Array.from({ length: ROUNDS }, (_, i) => i + 1),
    reasons: ["all-reported"],
    totals: { failed: 0, rejected: 0, missed: 0 },
    unexplained: [],
  },
};
