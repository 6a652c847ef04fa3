// What a malicious client would have trained its weights to, so that its update is the one that it means to
// send: the update then takes the way of any other.
import type { Random } from "../../../shared/core/random.ts";
import type { ModelShape, Weights } from "../../../shared/core/updates/weights.ts";
import { type Attack, attackedValues, knowsHonest } from "../population/attacks.ts";

/** The updates of trained parameters, by name. */
export type Deltas = ReadonlyMap<string, Float32Array>;

/** What of the weights is sent as an update; statistics and what clients keep stay as they were trained. */
export function trainedDeltas(trained: Weights, base: Weights, shapes: ModelShape): Deltas {
  const sent = new Set(
    shapes.flatMap(({ name, role = "trained", local = false }) =>
      role === "trained" && !local ? [name] : [],
    ),
  );
  const from = new Map(base.map(({ name, values }) => [name, values]));
  return new Map(
    trained
      .filter(({ name }) => sent.has(name))
      .map(({ name, values }) => [name, values.map((value, i) => value - (from.get(name)?.[i] ?? 0))]),
  );
}

/** @param round what the attacker knows of its round. */
export function attackedWeights(
  attack: Attack,
  trained: Weights,
  base: Weights,
  shapes: ModelShape,
  round: { readonly honest: readonly Deltas[]; readonly updates: number; readonly malicious: number },
  random: Random,
): Weights {
  const from = new Map(base.map(({ name, values }) => [name, values]));
  const deltas = trainedDeltas(trained, base, shapes);
  return trained.map((weight) => {
    const own = deltas.get(weight.name);
    if (own === undefined) return weight;
    const honest = round.honest.flatMap((one) => one.get(weight.name) ?? []);
    const { updates, malicious } = round;
    const sent = attackedValues(attack, { own, honest, updates, malicious, random });
    return { ...weight, values: sent.map((value, i) => value + (from.get(weight.name)?.[i] ?? 0)) };
  });
}

/**
 * What the client sends beside its update, attacked as that is. Attacks that know honest updates know nothing
 * of what is sent beside them, and leave it as it was trained.
 */
export function attackedBeside(attack: Attack, beside: Weights, updates: number, random: Random): Weights {
  if (knowsHonest(attack)) return beside;
  return beside.map((weight) => {
    const view = { own: weight.values, honest: [], updates, malicious: 0, random };
    return { ...weight, values: attackedValues(attack, view) };
  });
}
