// A federation small enough to train in milliseconds: clients with a linear softmax classifier each on points
// around class centres, of whom some attack, folded by any aggregation as the aggregator folds.
import {
  type Attack,
  attackedValues,
  flippedLabels,
  flipsLabels,
  knowsHonest,
} from "../../infra/sim/population/attacks.ts";
import { type Random, randomFrom } from "../../shared/core/random.ts";
import { type Federated, type FederationTask, federate } from "./hookedFederation.ts";

const FEATURES = 12;
const CLASSES = 5;
const SAMPLES = 30;
const TESTED = 500;
const STEPS = 5;
const LEARNING_RATE = 0.5;
/** Of each class centre, beside points of deviation 1. */
const CENTRE_DEVIATION = 0.75;

interface Data {
  readonly points: readonly Float64Array[];
  readonly labels: Float32Array;
}

export interface Federation {
  readonly clients: number;
  readonly attackers: number;
  readonly rounds: number;
  readonly seed: number;
  /** Concentration of the classes of each client; all clients have all classes alike where absent. */
  readonly dirichlet?: number;
  /** Each client has so many of the classes, and no other; see `dirichlet` where absent. */
  readonly classesEach?: number;
  readonly attack?: Attack;
  readonly aggregation: Record<string, unknown>;
  /** Plain training where absent. */
  readonly training?: Readonly<Record<string, unknown>>;
  /** Points of a step, drawn anew for each; all of a client's where absent. */
  readonly batch?: number;
  /** Local steps of a round; 5 where absent. */
  readonly steps?: number;
  readonly learningRate?: number;
  /** Clients of a round, drawn anew for each; all where absent. */
  readonly cohort?: number;
  readonly mishap?: FederationTask["mishap"];
}

export interface Trained extends Federated {
  /** Of the last version on points that no client has. */
  readonly accuracy: number;
  /** Of each version, in order: the mean loss on the data of all clients. */
  readonly losses: () => readonly number[];
}

/** The accuracy of the last version on points that no client has. */
export async function trainedAccuracy(federation: Federation): Promise<number> {
  return (await trainFederation(federation)).accuracy;
}

/** Trains it round by round, with the hooks of its training method. */
export async function trainFederation(federation: Federation): Promise<Trained> {
  const { clients, attackers, rounds, seed, attack, cohort = clients } = federation;
  const random = randomFrom(seed, "data");
  const centres = Array.from({ length: CLASSES }, () =>
    Float64Array.from({ length: FEATURES }, () => CENTRE_DEVIATION * random.normal()),
  );
  const data = Array.from({ length: clients }, (_, client) =>
    draw(centres, SAMPLES, sharesOf(federation, random, client), random),
  );
  const tested = draw(
    centres,
    TESTED,
    centres.map(() => 1),
    random,
  );
  const isMalicious = (client: number) => attack !== undefined && client >= clients - attackers;
  const trainedOn = data.map((own, client) =>
    attack !== undefined && isMalicious(client) && flipsLabels(attack)
      ? { ...own, labels: flippedLabels(own.labels, CLASSES) }
      : own,
  );
  const { versions, ...last } = await federate({
    start: new Float32Array(CLASSES * (FEATURES + 1)),
    gradient: (client, weights, { round, step }) => {
      const own = trainedOn[client] as Data;
      const { batch } = federation;
      if (batch === undefined) return gradientOf(weights, own);
      const places = randomFrom(seed, "batch", round, client, step).sample([...own.labels.keys()], batch);
      return gradientOf(weights, {
        points: places.map((i) => own.points[i] as Float64Array),
        labels: Float32Array.from(places, (i) => own.labels[i] ?? 0),
      });
    },
    samples: SAMPLES,
    steps: federation.steps ?? STEPS,
    learningRate: federation.learningRate ?? LEARNING_RATE,
    aggregation: federation.aggregation,
    ...(federation.training === undefined ? {} : { training: federation.training }),
    ...(federation.mishap === undefined ? {} : { mishap: federation.mishap }),
    clients,
    seed,
    cohorts: Array.from({ length: rounds }, (_, i) =>
      randomFrom(seed, "cohort", i + 1).sample(
        data.map((_own, client) => client),
        cohort,
      ),
    ),
    sent: (own, { client, round, all }) => {
      if (attack === undefined || !isMalicious(client)) return own;
      const honest = [...all].flatMap(([other, values]) => (isMalicious(other) ? [] : [values]));
      return attackedValues(attack, {
        own,
        honest: knowsHonest(attack) ? honest : [],
        updates: all.size,
        malicious: all.size - honest.length,
        random: randomFrom(seed, "attack", round, client),
      });
    },
  });
  const weights = versions.at(-1) ?? new Float32Array();
  const right = tested.points.filter((point, i) => predicted(weights, point) === tested.labels[i]).length;
  return {
    accuracy: right / TESTED,
    losses: () => versions.map((version) => meanLoss(version, data)),
    versions,
    ...last,
  };
}

function sharesOf({ dirichlet, classesEach }: Federation, random: Random, client: number): readonly number[] {
  if (classesEach !== undefined) {
    return Array.from({ length: CLASSES }, (_, c) =>
      (c - client + CLASSES * client) % CLASSES < classesEach ? 1 : 0,
    );
  }
  return Array.from({ length: CLASSES }, () =>
    dirichlet === undefined ? 1 : random.gamma(dirichlet) + 1e-9,
  );
}

function draw(
  centres: readonly Float64Array[],
  count: number,
  shares: readonly number[],
  random: Random,
): Data {
  const total = shares.reduce((sum, share) => sum + share, 0);
  const labels = Float32Array.from({ length: count }, () => {
    let left = random.next() * total;
    return Math.max(
      0,
      shares.findIndex((share) => {
        left -= share;
        return left < 0;
      }),
    );
  });
  const points = Array.from(labels, (label) =>
    Float64Array.from({ length: FEATURES }, (_, k) => (centres[label]?.[k] ?? 0) + random.normal()),
  );
  return { points, labels };
}

/** Of the mean cross-entropy of all of a client's points. */
function gradientOf(weights: Float64Array, { points, labels }: Data): Float64Array {
  const width = FEATURES + 1;
  const gradient = new Float64Array(weights.length);
  for (const [i, point] of points.entries()) {
    const shares = probabilitiesOf(weights, point);
    for (let c = 0; c < CLASSES; c++) {
      const error = ((shares[c] ?? 0) - (labels[i] === c ? 1 : 0)) / points.length;
      for (let k = 0; k < FEATURES; k++)
        gradient[c * width + k] = (gradient[c * width + k] ?? 0) + error * (point[k] ?? 0);
      gradient[c * width + FEATURES] = (gradient[c * width + FEATURES] ?? 0) + error;
    }
  }
  return gradient;
}

function probabilitiesOf(weights: Float64Array | Float32Array, point: Float64Array): number[] {
  const scores = scoresOf(weights, point);
  const most = Math.max(...scores);
  const powers = scores.map((score) => Math.exp(score - most));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}

function meanLoss(weights: Float32Array, data: readonly Data[]): number {
  const each = data.flatMap(({ points, labels }) =>
    points.map((point, i) => -Math.log(probabilitiesOf(weights, point)[labels[i] ?? 0] ?? 0)),
  );
  return each.reduce((sum, loss) => sum + loss, 0) / each.length;
}

function scoresOf(weights: Float64Array | Float32Array, point: Float64Array): number[] {
  const width = FEATURES + 1;
  return Array.from({ length: CLASSES }, (_, c) => {
    let score = weights[c * width + FEATURES] ?? 0;
    for (let k = 0; k < FEATURES; k++) score += (weights[c * width + k] ?? 0) * (point[k] ?? 0);
    return score;
  });
}

function predicted(weights: Float32Array, point: Float64Array): number {
  const scores = scoresOf(weights, point);
  return scores.indexOf(Math.max(...scores));
}
