// What codistillation is for, by the product's own trainer: two models that learn from disjoint halves of the
// data, and from each other's last versions, disagree about far fewer samples, and are right as often.
import { describe, expect, test } from "vitest";
import { loadTensors } from "../../shared/cloud/tensors/loadTensors.ts";
import { createTensorTrainer } from "../../shared/cloud/tensors/tensorTrainer.ts";
import { TrainingOptions } from "../../shared/core/methods/training/options.ts";
import { initialWeights } from "../../shared/core/models/initialWeights.ts";
import { shortTopology } from "../../shared/core/models/shortLayers.ts";
import type { Dataset } from "../../shared/core/ports/trainer.ts";
import { randomFrom } from "../../shared/core/random.ts";
import { learnsIn } from "../../shared/core/round/teachingGroup.ts";
import type { Weights } from "../../shared/core/updates/weights.ts";

const FEATURES = 20;
const CLASSES = 10;
/** Of each half, as in the toy that the claim was first seen on. */
const SAMPLES = 600;
const TESTED = 1_000;
const ROUNDS = 10;
const SEEDS = [1, 2, 3];

const { tf, ...rest } = await loadTensors({ prefer: "auto" });
const trainer = createTensorTrainer({ tf, ...rest });
const topology = shortTopology(
  [FEATURES],
  [
    { type: "Dense", units: 64, activation: "relu" },
    { type: "Dense", units: CLASSES, activation: "softmax" },
  ],
);
const shapes = await trainer.describe(topology);

/** Points around centres that lie close to each other. */
function points(seed: number, half: string, count: number): Dataset {
  const centres = randomFrom(seed, "centres");
  const at = Array.from({ length: CLASSES }, () =>
    Array.from({ length: FEATURES }, () => 0.62 * centres.normal()),
  );
  const random = randomFrom(seed, half);
  const y = Float32Array.from({ length: count }, () => random.int(CLASSES));
  const x = Float32Array.from({ length: count * FEATURES }, (_, i) => {
    const label = y[Math.floor(i / FEATURES)] ?? 0;
    return (at[label]?.[i % FEATURES] ?? 0) + random.normal();
  });
  return { x: { shape: [count, FEATURES], values: x }, y: { shape: [count], values: y } };
}

interface Pair {
  readonly accuracy: number;
  readonly churn: number;
}

/** Both train in each round from their own last version; a teacher is the other's version of the round before. */
async function trainPair(seed: number, weight: number): Promise<Pair> {
  const training = TrainingOptions.parse({
    method: "codistillation",
    group: "halves",
    weight,
    burnInRounds: 2,
    localEpochs: 2,
    optimizer: { name: "adam", learningRate: 0.003 },
  });
  const halves = ["first", "second"].map((half) => points(seed, half, SAMPLES));
  let versions: readonly Weights[] = halves.map((_half, i) =>
    initialWeights(topology, shapes, 10 * seed + i),
  );
  for (let round = 1; round <= ROUNDS; round++) {
    const next: Weights[] = [];
    for (const [i, data] of halves.entries()) {
      const other = versions[1 - i];
      const teachers = learnsIn({ training }, round) && other !== undefined ? [other] : [];
      const { weights } = await trainer.train({
        topology,
        weights: versions[i] ?? [],
        ...{ data, training, teachers, seed, round },
        clientId: `client-${i}`,
      });
      next.push(weights);
    }
    versions = next;
  }
  const tested = points(seed, "tested", TESTED);
  const predicted = versions.map((weights) => predictions(weights, tested.x.values));
  const right = predicted.map((labels) => share((i) => labels[i] === tested.y.values[i]));
  return {
    accuracy: ((right[0] ?? 0) + (right[1] ?? 0)) / 2,
    churn: share((i) => predicted[0]?.[i] !== predicted[1]?.[i]),
  };
}

function share(is: (i: number) => boolean): number {
  return Array.from({ length: TESTED }, (_, i) => is(i)).filter(Boolean).length / TESTED;
}

/** The class of the largest output, computed here and not by the trainer. */
function predictions(weights: Weights, x: Float32Array): readonly number[] {
  const [kernel, bias, outKernel, outBias] = weights.map(({ values }) => values);
  const hidden = bias?.length ?? 0;
  return Array.from({ length: TESTED }, (_, row) => {
    const made = Array.from({ length: hidden }, (_unit, h) => {
      let sum = bias?.[h] ?? 0;
      for (let k = 0; k < FEATURES; k++)
        sum += (x[row * FEATURES + k] ?? 0) * (kernel?.[k * hidden + h] ?? 0);
      return Math.max(0, sum);
    });
    const scores = Array.from({ length: CLASSES }, (_class, c) =>
      made.reduce((sum, value, h) => sum + value * (outKernel?.[h * CLASSES + c] ?? 0), outBias?.[c] ?? 0),
    );
    return scores.indexOf(Math.max(...scores));
  });
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

describe("two runs that teach each other", () => {
  test("disagree about 30 % fewer samples at the least, and are right as often", async () => {
    const plain: Pair[] = [];
    const taught: Pair[] = [];
    for (const seed of SEEDS) {
      plain.push(await trainPair(seed, 0));
      taught.push(await trainPair(seed, 1));
    }
    const of = (pairs: readonly Pair[], key: keyof Pair) => pairs.map((pair) => pair[key]);
    expect(mean(of(taught, "churn"))).toBeLessThanOrEqual(0.7 * mean(of(plain, "churn")));
    const accuracies = of(plain, "accuracy");
    const spread = Math.max(...accuracies) - Math.min(...accuracies);
    expect(mean(of(taught, "accuracy"))).toBeGreaterThanOrEqual(mean(accuracies) - spread);
  });
});
