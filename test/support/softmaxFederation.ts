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
import type { Weights } from "../../shared/core/updates/weights.ts";
import { fold } from "./folding.ts";

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
  readonly attack?: Attack;
  readonly aggregation: Record<string, unknown>;
}

/** The accuracy of the last version on points that no client has. */
export async function trainedAccuracy(federation: Federation): Promise<number> {
  const { clients, attackers, rounds, seed, attack, aggregation } = federation;
  const random = randomFrom(seed, "data");
  const centres = Array.from({ length: CLASSES }, () =>
    Float64Array.from({ length: FEATURES }, () => CENTRE_DEVIATION * random.normal()),
  );
  const data = Array.from({ length: clients }, () =>
    draw(centres, SAMPLES, sharesOf(federation, random), random),
  );
  const tested = draw(
    centres,
    TESTED,
    centres.map(() => 1),
    random,
  );
  const isMalicious = (client: number) => attack !== undefined && client >= clients - attackers;
  const model = [{ name: "w", shape: [CLASSES, FEATURES + 1] }];
  let base = new Float32Array(CLASSES * (FEATURES + 1));
  let state: Weights | null = null;
  for (let round = 1; round <= rounds; round++) {
    const trained = data.map(({ points, labels }, client) => {
      const flips = isMalicious(client) && attack !== undefined && flipsLabels(attack);
      return deltaOf(base, { points, labels: flips ? flippedLabels(labels, CLASSES) : labels });
    });
    const honest = trained.filter((_, client) => !isMalicious(client));
    const sent = trained.map((own, client) =>
      attack === undefined || !isMalicious(client)
        ? own
        : attackedValues(attack, {
            own,
            honest: knowsHonest(attack) ? honest : [],
            updates: clients,
            malicious: attackers,
            random: randomFrom(seed, "attack", round, client),
          }),
    );
    const shape = [CLASSES, FEATURES + 1];
    const folded = await fold({
      aggregation,
      model,
      base: [{ name: "w", shape, values: base }],
      updates: sent.map((values) => ({ delta: [{ name: "w", shape, values }], samples: SAMPLES })),
      state,
      seed,
      round,
    });
    base = Float32Array.from(folded.weights[0]?.values ?? []);
    state = folded.state;
  }
  const right = tested.points.filter((point, i) => predicted(base, point) === tested.labels[i]).length;
  return right / TESTED;
}

function sharesOf({ dirichlet }: Federation, random: Random): readonly number[] {
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

/** Full-batch steps of gradient descent on the cross-entropy, less the base. */
function deltaOf(base: Float32Array, { points, labels }: Data): Float32Array {
  const weights = Float64Array.from(base);
  const width = FEATURES + 1;
  for (let step = 0; step < STEPS; step++) {
    const gradient = new Float64Array(weights.length);
    for (const [i, point] of points.entries()) {
      const scores = scoresOf(weights, point);
      const most = Math.max(...scores);
      const powers = scores.map((score) => Math.exp(score - most));
      const total = powers.reduce((sum, power) => sum + power, 0);
      for (let c = 0; c < CLASSES; c++) {
        const error = (powers[c] ?? 0) / total - (labels[i] === c ? 1 : 0);
        for (let k = 0; k < FEATURES; k++)
          gradient[c * width + k] = (gradient[c * width + k] ?? 0) + error * (point[k] ?? 0);
        gradient[c * width + FEATURES] = (gradient[c * width + FEATURES] ?? 0) + error;
      }
    }
    for (let k = 0; k < weights.length; k++)
      weights[k] = (weights[k] ?? 0) - (LEARNING_RATE * (gradient[k] ?? 0)) / points.length;
  }
  return Float32Array.from(weights, (weight, k) => weight - (base[k] ?? 0));
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
