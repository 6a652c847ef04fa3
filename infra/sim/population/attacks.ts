// What malicious clients of a simulation send: pure functions of what honest training would have sent, and
// of the honest updates where the attackers know them.
import * as z from "zod";
import type { Dataset } from "../../../shared/core/ports/trainer.ts";
import type { Random } from "../../../shared/core/random.ts";

/** One number says how strong each is. */
const kinds = {
  "label-flip": "trains on labels y as classes − 1 − y",
  "sign-flip": "sends its update times −strength; 5 where absent",
  gaussian: "sends normal noise with the standard deviation strength; 10 where absent",
  alie: "all send the honest mean less strength standard deviations, coordinate by coordinate; where absent as many as let the most honest updates lie further out",
  ipm: "all send the honest mean times −strength; 2 where absent",
  "model-replacement":
    "trains on flipped labels and sends its update times strength; where absent as many as the round has updates",
} as const;
type AttackKind = keyof typeof kinds;

export const attackKinds = Object.keys(kinds) as readonly AttackKind[];

export const Attack = z.strictObject({
  kind: z
    .enum(attackKinds as readonly [AttackKind, ...AttackKind[]])
    .describe(attackKinds.map((kind) => `\`${kind}\`: ${kinds[kind]}.`).join(" ")),
  strength: z.number().positive().max(1e9).optional().describe("How strong; each kind has a default."),
});
export type Attack = z.infer<typeof Attack>;

/** The share of clients that attack, unless another is asked for. */
export const ATTACKERS = 0.2;

/** What an attacker knows of its round. */
export interface AttackView {
  /** What training would have it send, of one tensor; on flipped labels where the attack flips them. */
  readonly own: Float32Array;
  /** The honest updates of the round, of the same tensor; empty for attacks that do not know them. */
  readonly honest: readonly Float32Array[];
  /** Updates of the round, and those of them that are malicious. */
  readonly updates: number;
  readonly malicious: number;
  readonly random: Random;
}

export function flipsLabels({ kind }: Attack): boolean {
  return kind === "label-flip" || kind === "model-replacement";
}

export function knowsHonest({ kind }: Attack): boolean {
  return kind === "alie" || kind === "ipm";
}

/** Labels as classes − 1 − label. */
export function flippedLabels(labels: Float32Array, classes: number): Float32Array {
  return labels.map((label) => classes - 1 - label);
}

/** What a client trains on: flipped labels where it attacks so. */
export function poisoned(data: Dataset, attack: Attack | null, classes: number): Dataset {
  if (attack === null || !flipsLabels(attack)) return data;
  return { ...data, y: { ...data.y, values: flippedLabels(data.y.values, classes) } };
}

/**
 * The values that an attacker sends in the place of `own`, coordinate by coordinate; nothing is written over.
 * Without a single honest update that it knows it sends its own.
 *
 * Sources: label and sign flips, noise: Li, Xu, Chen, Giannakis & Ling 2019 (RSA). ALIE: Baruch, Baruch &
 * Goldberg 2019, "A Little Is Enough", algorithm 3. IPM: Xie, Koyejo & Gupta 2020, "Fall of Empires".
 * Replacement: Bagdasaryan, Veit, Hua, Estrin & Shmatikov 2020, equation 3, with the factor n / η.
 */
export function attackedValues({ kind, strength }: Attack, view: AttackView): Float32Array {
  const { own, honest, updates, malicious, random } = view;
  switch (kind) {
    case "label-flip":
      return own.slice();
    case "sign-flip":
      return own.map((value) => -(strength ?? 5) * value);
    case "gaussian":
      return own.map(() => (strength ?? 10) * random.normal());
    case "model-replacement":
      return own.map((value) => (strength ?? updates) * value);
    case "ipm":
      return honest.length === 0
        ? own.slice()
        : own.map((_, k) => -(strength ?? 2) * momentsAt(honest, k).mean);
    case "alie": {
      const deviations = strength ?? mostHidden(updates, malicious);
      return honest.length === 0
        ? own.slice()
        : own.map((_, k) => {
            const { mean, deviation } = momentsAt(honest, k);
            return mean - deviations * deviation;
          });
    }
  }
}

/** The mean, and the deviation of a sample: divided by one less than there are. */
function momentsAt(rows: readonly Float32Array[], k: number): { mean: number; deviation: number } {
  const mean = rows.reduce((sum, row) => sum + (row[k] ?? 0), 0) / rows.length;
  const squares = rows.reduce((sum, row) => sum + ((row[k] ?? 0) - mean) ** 2, 0);
  return { mean, deviation: Math.sqrt(squares / Math.max(1, rows.length - 1)) };
}

/**
 * ALIE's z_max: Φ⁻¹((n − m − s) / (n − m)) with s = ⌊n / 2 + 1⌋ − m, at least 0: so many honest updates as
 * the attackers need for a majority lie further out.
 */
export function mostHidden(updates: number, malicious: number): number {
  const supporters = Math.floor(updates / 2 + 1) - malicious;
  const share = (updates - malicious - supporters) / (updates - malicious);
  if (!(share > 0.5)) return 0;
  return share < 1 ? standardNormalQuantile(share) : MOST_DEVIATIONS;
}

/** Where no honest update has to lie further out. */
const MOST_DEVIATIONS = 3;

/** By bisection of the normal distribution function, to 1e-12. */
function standardNormalQuantile(share: number): number {
  let [low, high] = [-10, 10];
  while (high - low > 1e-12) {
    const middle = (low + high) / 2;
    if (normalDistribution(middle) < share) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Φ(x) by its series (Marsaglia 2004, "Evaluating the Normal Distribution"). */
function normalDistribution(x: number): number {
  let [sum, term, before] = [x, x, 0];
  for (let i = 3; sum !== before; i += 2) {
    before = sum;
    term *= (x * x) / i;
    sum += term;
  }
  return 0.5 + sum * Math.exp(-0.5 * x * x - 0.9189385332046728);
}
