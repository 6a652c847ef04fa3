// Momentum of clients: its formula by hand, and what it takes from an attack that hides in the noise of
// single rounds.
import { describe, expect, it } from "vitest";
import { specIssues } from "../../../support/builders.ts";
import { readGuide } from "../../../support/guides.ts";
import { federate } from "../../../support/hookedFederation.ts";
import { trainFederation } from "../../../support/softmaxFederation.ts";

const slopes = [1, 3];
const optima = [2, -1];
const gradient = (client: number, w: number) => (slopes[client] ?? 0) * (w - (optima[client] ?? 0));
const task = {
  start: Float32Array.of(1),
  gradient: (client: number, [w = 0]: Float64Array) => Float64Array.of(gradient(client, w)),
  learningRate: 0.1,
  steps: 3,
  clients: 2,
  aggregation: { strategy: "fedavg" },
};

it("is what is sent by hand, of some clients in each round, beginning with the first update", async () => {
  const cohorts = [[0], [0, 1], [1], [0, 1]];
  let w = 1;
  const momenta: (number | undefined)[] = [];
  const expected: number[] = [];
  for (const cohort of cohorts) {
    const sent = cohort.map((client) => {
      let x = w;
      for (let k = 0; k < 3; k++) x -= 0.1 * gradient(client, x);
      const before = momenta[client];
      momenta[client] = before === undefined ? x - w : 0.8 * before + 0.2 * (x - w);
      return momenta[client] ?? 0;
    });
    w += sent.reduce((sum, one) => sum + one, 0) / cohort.length;
    expected.push(w);
  }
  const { versions, kept } = await federate({
    ...{ ...task, cohorts },
    training: { method: "client-momentum", momentum: 0.8 },
  });
  for (const [i, version] of versions.entries()) expect(version[0]).toBeCloseTo(expected[i] ?? Number.NaN, 6);
  for (const client of [0, 1])
    expect(kept.get(client)?.[0]?.values[0]).toBeCloseTo(momenta[client] ?? Number.NaN, 6);
});

it("is plain training with a momentum of 0", async () => {
  const cohorts = [[0], [0, 1], [1]];
  const plain = await federate({ ...task, cohorts });
  const { versions } = await federate({
    ...{ ...task, cohorts },
    training: { method: "client-momentum", momentum: 0 },
  });
  for (const [i, version] of plain.versions.entries())
    expect(versions[i]?.[0]).toBeCloseTo(version[0] ?? Number.NaN, 6);
});

it("starts anew with a client that has lost what it kept", async () => {
  const lost = {
    ...task,
    cohorts: [[0], [0]],
    mishap: (_: number, round: number) => (round === 2 ? "state" : null),
  } as const;
  const { versions } = await federate({ ...lost, training: { method: "client-momentum" } });
  const plain = await federate({ ...task, cohorts: [[0], [0]] });
  expect(versions.at(-1)?.[0]).toBeCloseTo(plain.versions.at(-1)?.[0] ?? Number.NaN, 6);
});

describe("against ALIE of 8 in 20 clients, who step by single points", () => {
  const known = new Map<string, Promise<number>>();
  /** The accuracy after 60 rounds. */
  const accuracyOf = (aggregation: Record<string, unknown>, momentum: boolean, attacked: boolean) => {
    const key = JSON.stringify([aggregation, momentum, attacked]);
    const found = known.get(key) ?? trainedAccuracyOf(aggregation, momentum, attacked);
    known.set(key, found);
    return found;
  };
  const trainedAccuracyOf = async (
    aggregation: Record<string, unknown>,
    momentum: boolean,
    attacked: boolean,
  ) => {
    const common = { clients: 20, attackers: 8, rounds: 60, seed: 1, steps: 2, batch: 1, learningRate: 0.2 };
    const { accuracy } = await trainFederation({
      ...{ ...common, aggregation },
      ...(momentum ? { training: { method: "client-momentum" } } : {}),
      ...(attacked ? { attack: { kind: "alie", strength: 1.5 } } : {}),
    });
    return accuracy;
  };

  it("is what docs/robustness.md says", async () => {
    const krum = { strategy: "multi-krum", maxMalicious: 8, averaged: 1 };
    const clipping = { strategy: "centered-clipping" };
    const shown = async (aggregation: Record<string, unknown>, momentum: boolean, attacked = true) =>
      (await accuracyOf(aggregation, momentum, attacked)).toFixed(2);
    const words = readGuide("docs/robustness.md").replaceAll(/\s+/g, " ");
    expect(words).toContain(
      `Krum ended at ${await shown(krum, false)} without it and at ${await shown(krum, true)} with it, ` +
        `centred clipping at ${await shown(clipping, false)} and at ${await shown(clipping, true)}; ` +
        `without an attack the latter has ${await shown(clipping, false, false)}.`,
    );
  });

  it.each([
    ["Krum", { strategy: "multi-krum", maxMalicious: 8, averaged: 1 }],
    ["centred clipping", { strategy: "centered-clipping" }],
  ])("%s holds with it, and fails without", async (_name, aggregation) => {
    const unharmed = await accuracyOf({ strategy: "centered-clipping" }, false, false);
    expect(unharmed).toBeGreaterThan(0.88);
    expect(await accuracyOf(aggregation, false, true)).toBeLessThan(unharmed - 0.1);
    expect(await accuracyOf(aggregation, true, true)).toBeGreaterThan(unharmed - 0.075);
  });
});

it("is refused with layers of the clients' own", () => {
  expect(specIssues({ training: { method: "client-momentum", local: ["output"] } })).toEqual([
    expect.stringMatching("^training.local: cannot be had"),
  ]);
});
