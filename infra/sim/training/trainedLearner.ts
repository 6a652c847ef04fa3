// Real training inside a simulation: an update is trained when a round folds it, from the version its client
// was given, and takes the same way through codec and checks as in the cloud. What no round folds is trained
// only where a strategy reads signals of it.
import { createHash } from "node:crypto";
import { scoreVersion } from "../../../shared/cloud/tensors/scoreVersion.ts";
import { splitInMemory } from "../../../shared/cloud/tensors/splitData.ts";
import { FlError } from "../../../shared/core/errors.ts";
import { coversOf } from "../../../shared/core/methods/training/assigned.ts";
import {
  clientStateShape,
  methodState,
  stateAfter,
  withLocal,
} from "../../../shared/core/methods/training/clientState.ts";
import { gotShape, pickedFrom, updateShape } from "../../../shared/core/methods/training/methodTensors.ts";
import { hooksOf } from "../../../shared/core/methods/training/trainingOf.ts";
import { makeUpdate } from "../../../shared/core/methods/update/makeUpdate.ts";
import { readUpdate } from "../../../shared/core/methods/update/update.ts";
import type { UpdateCheck } from "../../../shared/core/methods/update/validate.ts";
import { initialWeights } from "../../../shared/core/models/initialWeights.ts";
import { markLocal } from "../../../shared/core/models/localLayers.ts";
import type { DataStream, Dataset, Trainer, TrainResult } from "../../../shared/core/ports/trainer.ts";
import { randomFrom } from "../../../shared/core/random.ts";
import { evaluationOf } from "../../../shared/core/round/evaluation.ts";
import { scoreAsked } from "../../../shared/core/round/federated.ts";
import { grantedTraining } from "../../../shared/core/round/sizing.ts";
import { learns } from "../../../shared/core/round/teachingGroup.ts";
import type { Invocation } from "../../../shared/core/schemas/invocation.ts";
import { type LayersTopology, ModelInfo } from "../../../shared/core/schemas/model.ts";
import type { StoredRunSpec } from "../../../shared/core/schemas/spec.ts";
import { elementCount, joinParts } from "../../../shared/core/updates/safetensors.ts";
import type { Weights } from "../../../shared/core/updates/weights.ts";
import { withDelta } from "../../../shared/core/updates/withDelta.ts";
import type { Learner } from "../engine/learner.ts";
import { type Attack, knowsHonest } from "../population/attacks.ts";
import { attackedBeside, attackedWeights, type Deltas, trainedDeltas } from "./attackedWeights.ts";

export interface TrainedLearnerOptions {
  readonly spec: StoredRunSpec;
  readonly trainer: Trainer;
  readonly topology: LayersTopology;
  readonly clientData: (clientId: string) => Dataset;
  readonly evaluationData: Dataset;
  /** Whose accuracy is computed; nobody's where absent. */
  readonly clientIds?: readonly string[];
  /** What a malicious client does; null for others, and nobody is one where absent. */
  readonly attackOf?: (clientId: string) => Attack | null;
}

const BYTES_PER_VALUE = 4;

/** An invocation trained for its report. */
interface Reported {
  readonly baseVersion: number;
  readonly trained: TrainResult;
  /** What its client goes on from, if the report counts. */
  readonly kept: Weights;
}

/** @throws FlError("invalid-argument") for partial work, whose share of steps only a real clock could cut. */
export async function trainedLearner(options: TrainedLearnerOptions): Promise<Learner> {
  const {
    spec,
    trainer,
    topology,
    clientData,
    clientIds = [],
    evaluationData,
    attackOf = () => null,
  } = options;
  if (spec.round.onDeadline === "submit-partial") {
    throw new FlError(
      "invalid-argument",
      "Partial work is simulated with training off only: use finish-late.",
    );
  }
  if (learns(spec)) {
    throw new FlError(
      "invalid-argument",
      "Clients of training.method codistillation learn from other runs, and a simulation is of one: use another method, or weight 0.",
    );
  }
  const { training, seed } = spec;
  const shapes = markLocal(await trainer.describe(topology), training.local ?? []);
  const parameterCount = shapes.reduce((sum, { shape }) => sum + elementCount(shape), 0);
  const versions = new Map<number, Weights>([[0, initialWeights(topology, shapes, spec.seed)]]);
  const states = new Map<number, Weights>();
  const weights = (version: number): Weights => {
    const kept = versions.get(version);
    if (kept === undefined) throw new FlError("internal", `Version ${version} is not kept any more.`);
    return kept;
  };
  const asked = scoreAsked(spec).evaluation;
  /** What each client trains on, without its validation share. */
  const trainingData = new Map<string, Dataset | DataStream>();
  const trainedOn = (clientId: string): Dataset | DataStream => {
    const known = trainingData.get(clientId);
    if (known !== undefined) return known;
    const whole = clientData(clientId);
    const split = asked === undefined ? "whole" : splitInMemory(whole, seed, asked.share);
    const data = typeof split === "string" ? whole : split.training;
    trainingData.set(clientId, data);
    return data;
  };
  /** Trained for a report, and not folded yet. */
  const reported = new Map<string, Reported>();
  const stateShape = clientStateShape(training, shapes);
  /** What each client has kept, and since which round. */
  const clientStates = new Map<string, { readonly round: number; readonly kept: Weights }>();
  const train = async (invocation: Invocation, before: readonly Invocation[]): Promise<TrainResult> => {
    const { clientId, round, baseVersion } = invocation;
    const kept = clientStates.get(clientId)?.kept ?? null;
    const start = await startAfter(before, baseVersion);
    return trainer.train({
      topology,
      weights: withLocal(start, kept, shapes),
      data: trainedOn(clientId),
      training: grantedTraining(training, invocation),
      covers: coversOf(spec, shapes, invocation),
      state: methodState(kept, hooksOf(training), shapes),
      got: pickedFrom(states.get(baseVersion) ?? null, gotShape(training, shapes)),
      seed,
      round,
      clientId,
    });
  };
  /** Of a relay: the model that a client has passed on, until its round is over. */
  const passedOn = new Map<string, Weights>();
  /** What a client begins from whose group these clients were before it. */
  const startAfter = async (before: readonly Invocation[], baseVersion: number): Promise<Weights> => {
    const last = before.at(-1);
    if (last === undefined) return weights(baseVersion);
    const known = passedOn.get(keyOf(last));
    if (known !== undefined) return known;
    const earlier = before.slice(0, -1);
    const read = await made(last, [last], earlier);
    const model = read.ok
      ? withDelta(weights(baseVersion), read.delta, shapes)
      : await startAfter(earlier, baseVersion);
    passedOn.set(keyOf(last), model);
    return model;
  };
  const keep = async (invocation: Invocation, before: readonly Invocation[]): Promise<TrainResult> => {
    const trained = await train(invocation, before);
    const kept =
      stateShape.length === 0 ? [] : copyOf(stateAfter(trained.weights, trained.state, training, shapes));
    reported.set(keyOf(invocation), { baseVersion: invocation.baseVersion, trained, kept });
    return trained;
  };
  /** The honest updates of the round that is folded, where an attacker among its clients knows them. */
  let known: { readonly inputs: readonly Invocation[]; readonly honest: readonly Deltas[] } | null = null;
  const honestOf = async (inputs: readonly Invocation[]): Promise<readonly Deltas[]> => {
    if (known?.inputs === inputs) return known.honest;
    const attacks = inputs.map(({ clientId }) => attackOf(clientId));
    const honest: Deltas[] = [];
    for (const [i, invocation] of inputs.entries()) {
      if (attacks[i] !== null || !attacks.some((attack) => attack !== null && knowsHonest(attack))) continue;
      const { weights: trained } = reported.get(keyOf(invocation))?.trained ?? (await keep(invocation, []));
      honest.push(trainedDeltas(trained, weights(invocation.baseVersion), shapes));
    }
    known = { inputs, honest };
    return honest;
  };
  /** What the client makes its update of. */
  const sentBy = async (
    { clientId, round, baseVersion }: Invocation,
    trained: Weights,
    inputs: readonly Invocation[],
  ): Promise<Weights> => {
    const attack = attackOf(clientId);
    if (attack === null) return trained;
    const honest = await honestOf(inputs);
    const malicious = inputs.filter((one) => attackOf(one.clientId) !== null).length;
    const seen = { honest: knowsHonest(attack) ? honest : [], updates: inputs.length, malicious };
    const random = randomFrom(seed, "attack", round, clientId);
    return attackedWeights(attack, trained, weights(baseVersion), shapes, seen, random);
  };
  const besideOf = (
    { clientId, round }: Invocation,
    { beside }: TrainResult,
    updates: number,
  ): Weights | undefined => {
    const attack = attackOf(clientId);
    if (attack === null || beside === undefined) return beside;
    const random = randomFrom(seed, "attack beside", round, clientId);
    return attackedBeside(attack, beside, updates, random);
  };
  const made = async (
    invocation: Invocation,
    inputs: readonly Invocation[],
    before: readonly Invocation[],
  ): Promise<UpdateCheck> => {
    const { clientId, round, baseVersion } = invocation;
    const base = weights(baseVersion);
    const key = keyOf(invocation);
    // Before anything of the round is written over.
    await honestOf(inputs);
    const trained = reported.get(key)?.trained ?? (await train(invocation, before));
    reported.delete(key);
    const sent = await sentBy(invocation, trained.weights, inputs);
    const covers = coversOf(spec, shapes, invocation);
    const { encoding, transforms } = spec;
    const beside = besideOf(invocation, trained, inputs.length);
    const recipe = {
      encoding,
      transforms,
      baseVersion,
      model: shapes,
      covers,
      beside,
      seed,
      round,
      clientId,
    };
    const file = joinParts(makeUpdate(sent, base, recipe));
    const sha256 = createHash("sha256").update(file).digest("hex");
    return readUpdate(file, sha256, {
      model: updateShape(training, shapes),
      ...(covers === undefined ? {} : { covers }),
      encoding,
      baseVersion,
      sha256,
      norm: spec.aggregation.norm,
    });
  };
  return {
    model: {
      parameters: ModelInfo.shape.parameters.parse(shapes),
      parameterCount,
      sizeBytes: parameterCount * BYTES_PER_VALUE,
    },
    samples: (clientId) => trainedOn(clientId).x.shape[0] ?? 0,
    labelCounts: (clientId) => countsOf(clientData(clientId).y.values),
    learned: async (invocation, before = []) => {
      const { lossBefore, lossAfter, signals } = await keep(invocation, before);
      return { lossBefore, lossAfter, ...(signals === undefined ? {} : { signals }) };
    },
    ...(asked === undefined
      ? {}
      : {
          scored: async ({ clientId, baseVersion }) => {
            const kept = clientStates.get(clientId)?.kept ?? null;
            const { score } = await scoreVersion(
              {
                ...asked,
                ...{ topology, seed, loss: training.loss, version: baseVersion },
                weights: withLocal(weights(baseVersion), kept, shapes),
                data: clientData(clientId),
                stopMs: Number.POSITIVE_INFINITY,
              },
              trainer,
              () => 0,
              (error) => {
                throw error;
              },
            );
            return score;
          },
        }),
    ...(stateShape.length === 0
      ? {}
      : {
          keepState: (invocation) => {
            const { clientId, round } = invocation;
            const kept = reported.get(keyOf(invocation))?.kept;
            if (kept === undefined || (clientStates.get(clientId)?.round ?? 0) >= round) return;
            clientStates.set(clientId, { round, kept });
          },
        }),
    update: (invocation, inputs = [invocation], before = []) => made(invocation, inputs, before),
    weights,
    state: (version) => states.get(version) ?? null,
    keep: (version, next, state, oldest) => {
      versions.set(version, next);
      if (state !== null) states.set(version, state);
      for (const kept of [versions, states])
        for (const old of kept.keys()) if (old < oldest) kept.delete(old);
      for (const [key, { baseVersion }] of reported) if (baseVersion < oldest) reported.delete(key);
      passedOn.clear();
    },
    clientAccuracies: async (version) => {
      const { details } = await trainer.evaluate({
        topology,
        weights: weights(version),
        data: evaluationData,
        loss: spec.training.loss,
        metrics: ["recall"],
        batchSize: evaluationOf(spec).batchSize,
      });
      const recalls = (details?.classes ?? []).map(({ recall }) => recall ?? 0);
      const honest = clientIds.filter((clientId) => attackOf(clientId) === null);
      return honest.map((clientId) => meanRecall(recalls, clientData(clientId).y.values));
    },
    score: async (version) => {
      // As the evaluator: versions do not hold what clients keep for themselves.
      if (shapes.some(({ local }) => local === true)) return null;
      const { metrics, batchSize } = evaluationOf(spec);
      return trainer.evaluate({
        topology,
        weights: weights(version),
        data: evaluationData,
        loss: spec.training.loss,
        metrics,
        batchSize,
      });
    },
  };
}

/** How many of these labels, each of which is a class, are of each class. */
function countsOf(labels: Float32Array): readonly number[] {
  const counts: number[] = [];
  for (const label of labels) {
    while (counts.length <= label) counts.push(0);
    counts[label] = (counts[label] ?? 0) + 1;
  }
  return counts;
}

/** The mean of the classes' recalls over these labels, each of which is a class. */
function meanRecall(recalls: readonly number[], labels: Float32Array): number {
  let sum = 0;
  for (const label of labels) sum += recalls[label] ?? 0;
  return sum / labels.length;
}

/** The delta of an update is written over the weights that it was trained to. */
function copyOf(state: Weights): Weights {
  return state.map((weight) => ({ ...weight, values: weight.values.slice() }));
}

function keyOf({ round, clientId }: Pick<Invocation, "round" | "clientId">): string {
  return `${round}/${clientId}`;
}
