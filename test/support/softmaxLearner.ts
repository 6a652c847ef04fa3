// Softmax regression in plain TypeScript, trained inside a simulation: what a method does to learning is seen
// in milliseconds, without any library of tensors.
import type { Learner } from "../../infra/sim/engine/learner.ts";
import { type Random, randomFrom } from "../../shared/core/random.ts";
import type { Invocation } from "../../shared/core/schemas/invocation.ts";
import type { Weights } from "../../shared/core/updates/weights.ts";

export interface Rows {
  readonly x: readonly Float64Array[];
  readonly y: readonly number[];
}

export interface SoftmaxTask {
  readonly classes: number;
  readonly features: number;
  readonly clientData: (clientId: string) => Rows;
  readonly test: Rows;
  readonly learningRate: number;
  readonly batchSize: number;
  /** Steps that an invocation trains for. */
  readonly steps: (invocation: Pick<Invocation, "clientId" | "round">) => number;
  readonly seed: number;
  /** Units of a hidden layer (tanh) between the features and the classes; none where absent. */
  readonly hidden?: number;
}

export interface SoftmaxLearner extends Learner {
  /** Of a version, on the test rows: the share of each class that is recognised. */
  classAccuracy(version: number): readonly number[];
  /** Of each version that was scored, by its number: mean on the test rows. */
  readonly losses: ReadonlyMap<number, number>;
}

/** Points around a centre for each class, `spread` wide; centres are as far from each other as drawn. */
export function cloud(classes: number, features: number, spread: number, seed: number) {
  const centres = Array.from({ length: classes }, (_, label) => {
    const random = randomFrom(seed, "centre", label);
    return Float64Array.from({ length: features }, () => random.normal());
  });
  return (labels: readonly number[], random: Random): Rows => ({
    x: labels.map((label) => (centres[label] as Float64Array).map((mid) => mid + spread * random.normal())),
    y: labels,
  });
}

export function softmaxLearner(task: SoftmaxTask): SoftmaxLearner {
  const { classes, clientData, test, seed } = task;
  const net = netOf(task);
  const { length, probabilities, addGradient } = net;
  const versions = new Map<number, Float32Array>([[0, net.initial]]);
  const states = new Map<number, Weights>();
  const trained = new Map<string, Float32Array>();
  const losses = new Map<number, number>();
  const versionOf = (version: number): Float32Array => {
    const kept = versions.get(version);
    if (kept === undefined) throw new Error(`Version ${version} is not kept any more.`);
    return kept;
  };
  const shown = (values: Float32Array): Weights => [{ name: "w", shape: [length], values }];

  const train = (
    invocation: Pick<Invocation, "clientId" | "round" | "baseVersion">,
    before: readonly Invocation[] = [],
  ): Float32Array => {
    const key = `${invocation.round}/${invocation.clientId}`;
    const known = trained.get(key);
    if (known !== undefined) return known;
    const last = before.at(-1);
    const start = last === undefined ? versionOf(invocation.baseVersion) : train(last, before.slice(0, -1));
    const weights = start.slice();
    const { x, y } = clientData(invocation.clientId);
    const random = randomFrom(seed, invocation.round, invocation.clientId);
    const buffer = new Float64Array(classes);
    for (let step = 0; step < task.steps(invocation); step++) {
      const gradient = new Float64Array(length);
      const size = Math.min(task.batchSize, x.length);
      for (let i = 0; i < size; i++) {
        const row = random.int(x.length);
        addGradient(gradient, weights, x[row] as Float64Array, y[row] as number, buffer);
      }
      for (let k = 0; k < length; k++) {
        weights[k] = (weights[k] ?? 0) - (task.learningRate * (gradient[k] ?? 0)) / size;
      }
    }
    trained.set(key, weights);
    return weights;
  };

  const classAccuracy = (version: number): readonly number[] => {
    const weights = versionOf(version);
    const counts = Array.from({ length: classes }, () => ({ right: 0, all: 0 }));
    const buffer = new Float64Array(classes);
    for (const [i, row] of test.x.entries()) {
      probabilities(weights, row, buffer);
      const guess = buffer.indexOf(Math.max(...buffer));
      const count = counts[test.y[i] as number] as { right: number; all: number };
      count.all += 1;
      if (guess === test.y[i]) count.right += 1;
    }
    return counts.map(({ right, all }) => right / Math.max(1, all));
  };

  return {
    model: { parameters: [{ name: "w", shape: [length] }], parameterCount: length, sizeBytes: 4 * length },
    samples: (clientId) => clientData(clientId).x.length,
    update: async (invocation, _inputs, before) => {
      const base = versionOf(invocation.baseVersion);
      const delta = train(invocation, before).map((value, k) => value - (base[k] ?? 0));
      trained.delete(`${invocation.round}/${invocation.clientId}`);
      return { ok: true, delta: shown(delta), norm: 1, scale: 1 };
    },
    learned: async (invocation) => {
      const data = clientData(invocation.clientId);
      const lossBefore = meanLoss(net, versionOf(invocation.baseVersion), data, classes);
      return { lossBefore, lossAfter: meanLoss(net, train(invocation), data, classes) };
    },
    weights: (version) => shown(versionOf(version)),
    state: (version) => states.get(version) ?? null,
    keep: (version, weights, state, oldest) => {
      versions.set(version, (weights[0]?.values ?? new Float32Array(length)).slice());
      if (state !== null) states.set(version, state);
      for (const kept of [versions, states])
        for (const old of kept.keys()) if (old < oldest) kept.delete(old);
    },
    score: async (version) => {
      const each = classAccuracy(version);
      const loss = meanLoss(net, versionOf(version), test, classes);
      losses.set(version, loss);
      return { accuracy: each.reduce((sum, part) => sum + part, 0) / classes, loss, metrics: {} };
    },
    classAccuracy,
    losses,
  };
}

/** What a learner's weights compute. */
interface Net {
  /** Of its weights. */
  readonly length: number;
  readonly initial: Float32Array;
  /** Writes the probability of each class into `into`. */
  readonly probabilities: (weights: Float32Array, row: Float64Array, into: Float64Array) => void;
  /** Adds the gradient of one row's cross-entropy; `buffer` has room for the classes. */
  readonly addGradient: (
    gradient: Float64Array,
    weights: Float32Array,
    row: Float64Array,
    label: number,
    buffer: Float64Array,
  ) => void;
}

function netOf({ classes, features, hidden, seed }: SoftmaxTask): Net {
  if (hidden === undefined) {
    const length = (features + 1) * classes;
    return { length, initial: new Float32Array(length), probabilities, addGradient };
  }
  return hiddenNet(features, hidden, classes, randomFrom(seed, "initial"));
}

/** One hidden layer of tanh: its weights and biases unit by unit, then those of the classes. */
function hiddenNet(features: number, units: number, classes: number, random: Random): Net {
  const first = units * (features + 1);
  const length = first + classes * (units + 1);
  const initial = Float32Array.from({ length }, (_, k) => {
    const [width, place] = k < first ? [features, k] : [units, k - first];
    return place % (width + 1) === width ? 0 : random.normal() / Math.sqrt(width);
  });
  const unitsOf = (weights: Float32Array, row: Float64Array): Float64Array =>
    Float64Array.from({ length: units }, (_, unit) => {
      const start = unit * (features + 1);
      let sum = weights[start + features] as number;
      for (let f = 0; f < features; f++) sum += (row[f] as number) * (weights[start + f] as number);
      return Math.tanh(sum);
    });
  return {
    length,
    initial,
    probabilities: (weights, row, into) =>
      probabilities(weights.subarray(first), unitsOf(weights, row), into),
    addGradient: (gradient, weights, row, label, buffer) => {
      const inner = unitsOf(weights, row);
      const last = weights.subarray(first);
      addGradient(gradient.subarray(first), last, inner, label, buffer);
      for (let unit = 0; unit < units; unit++) {
        let error = 0;
        for (let c = 0; c < classes; c++) {
          const wrong = (buffer[c] as number) - (c === label ? 1 : 0);
          error += wrong * (last[c * (units + 1) + unit] as number);
        }
        error *= 1 - (inner[unit] as number) ** 2;
        const start = unit * (features + 1);
        for (let f = 0; f < features; f++) {
          gradient[start + f] = (gradient[start + f] as number) + error * (row[f] as number);
        }
        gradient[start + features] = (gradient[start + features] as number) + error;
      }
    },
  };
}

/** Writes the probability of each class into `into`. A class has its weights, then its bias. */
function probabilities(weights: Float32Array, row: Float64Array, into: Float64Array): void {
  const { length } = row;
  let [most, total] = [Number.NEGATIVE_INFINITY, 0];
  for (let c = 0; c < into.length; c++) {
    const start = c * (length + 1);
    let score = weights[start + length] as number;
    for (let f = 0; f < length; f++) score += (row[f] as number) * (weights[start + f] as number);
    into[c] = score;
    if (score > most) most = score;
  }
  for (let c = 0; c < into.length; c++) {
    into[c] = Math.exp((into[c] as number) - most);
    total += into[c] as number;
  }
  for (let c = 0; c < into.length; c++) into[c] = (into[c] as number) / total;
}

function addGradient(
  gradient: Float64Array,
  weights: Float32Array,
  row: Float64Array,
  label: number,
  buffer: Float64Array,
): void {
  probabilities(weights, row, buffer);
  const { length } = row;
  for (let c = 0; c < buffer.length; c++) {
    const error = (buffer[c] as number) - (c === label ? 1 : 0);
    const start = c * (length + 1);
    for (let f = 0; f < length; f++)
      gradient[start + f] = (gradient[start + f] as number) + error * (row[f] as number);
    gradient[start + length] = (gradient[start + length] as number) + error;
  }
}

function meanLoss(net: Net, weights: Float32Array, { x, y }: Rows, classes: number): number {
  const buffer = new Float64Array(classes);
  const total = x.reduce((sum, row, i) => {
    net.probabilities(weights, row, buffer);
    return sum - Math.log(Math.max(buffer[y[i] as number] ?? 0, 1e-12));
  }, 0);
  return total / Math.max(1, x.length);
}
