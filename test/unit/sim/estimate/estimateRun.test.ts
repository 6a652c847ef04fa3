// Whole estimates: every method, what is known and what is not, budgets, silent clients, and where it ends.
import { describe, expect, test } from "vitest";
import { beliefsOf } from "../../../../infra/sim/estimate/beliefs.ts";
import { estimateRun } from "../../../../infra/sim/estimate/estimateRun.ts";
import type { Evidence, SeenCall } from "../../../../infra/sim/estimate/evidence.ts";
import { USUAL_WARM_UP_MS, usualStepMs } from "../../../../infra/sim/estimate/usualTimes.ts";
import { priceTables } from "../../../../shared/core/cost/prices.ts";
import { aggregationFaces } from "../../../../shared/core/methods/registry/aggregationFaces.ts";
import { relayFaces } from "../../../../shared/core/methods/registry/relayFaces.ts";
import { selectionFaces } from "../../../../shared/core/methods/registry/selectionFaces.ts";
import { Estimate } from "../../../../shared/core/schemas/estimate.ts";
import { StoredRunSpec } from "../../../../shared/core/schemas/spec.ts";

const IDS = Array.from({ length: 8 }, (_, i) => `c${i}`);
const clients = IDS.map((clientId) => ({
  clientId,
  url: "http://127.0.0.1:1/",
  capacity: { memoryMib: 2_048, vcpu: 1, timeoutSeconds: 60 },
  labels: {},
  samples: 320,
}));
const nothing: Evidence = { clients, calls: [], like: null, testSamples: null, places: null };
const seen = (more: Partial<SeenCall> = {}): readonly SeenCall[] =>
  IDS.map((clientId) => ({
    clientId,
    basis: "run",
    group: "round 1",
    sentMs: 0,
    claimedMs: 200,
    endedMs: 2_200,
    coldMs: 0,
    trainMs: 1_500,
    otherMs: 500,
    warmUpMs: null,
    outcome: "update",
    ...more,
  }));

function specOf(over: object = {}) {
  return StoredRunSpec.parse({
    name: "estimated",
    model: { builtin: "none" },
    selection: { strategy: "random", cohortSize: 4 },
    round: { deadlineSeconds: 30 },
    stop: { rounds: 3 },
    ...over,
  });
}

function estimateOf(
  evidence: Evidence,
  spec = specOf(),
  {
    isScored = true,
    prices = priceTables["cloud-run-2026"],
    seeds = 5,
    leaving = { near: 8, far: 0, unknown: 0 },
  } = {},
) {
  const { localEpochs, batchSize } = spec.training;
  const flops = 1e6;
  const work = { localEpochs, batchSize, stepMs: usualStepMs(flops, batchSize) };
  const beliefs = beliefsOf(evidence, { work, cohort: 4, modelBytes: 4e6, flops, isScored });
  return estimateRun({ spec, beliefs, modelBytes: 4e6, memory: [], leaving, isScored, prices, seeds });
}

const usdOf = ({ items }: Estimate, name: string) => items.find(({ item }) => item === name)?.usd;

describe("an estimate", () => {
  test("is a document of its schema, and the same for the same", async () => {
    const estimate = await estimateOf(nothing);
    expect(Estimate.parse(JSON.parse(JSON.stringify(estimate)))).toEqual(estimate);
    expect(await estimateOf(nothing)).toEqual(estimate);
    expect(estimate.completedRounds).toEqual({ p10: 3, p50: 3, p90: 3 });
    expect(estimate.clients).toEqual({ total: 8, basis: { model: 8 } });
  });

  test("of what was seen is about that: three rounds of two seconds, and what is between", async () => {
    const estimate = await estimateOf({ ...nothing, calls: seen() }, specOf(), { seeds: 20 });
    expect(estimate.wallSeconds.p50).toBeGreaterThan(3 * 2);
    expect(estimate.wallSeconds.p50).toBeLessThan(3 * 8);
    // 12 calls of 2 s and of 2 GiB, 29 µUSD a second.
    const { p10 = 0, p50 = 0, p90 = 0 } = usdOf(estimate, "clientTraining") ?? {};
    expect(p50).toBeGreaterThan(0.7 * 12 * 2 * 29e-6);
    expect(p50).toBeLessThan(1.6 * 12 * 2 * 29e-6);
    expect(p90 / p10).toBeGreaterThan(1.3);
  });

  test("is the wider the less is known", async () => {
    const width = async (evidence: Evidence) => {
      const { p10, p90 } = (await estimateOf(evidence, specOf(), { seeds: 20 })).wallSeconds;
      return p90 / p10;
    };
    const [ran, checked, unseen] = [
      await width({ ...nothing, calls: seen() }),
      await width({ ...nothing, calls: seen({ basis: "check" }) }),
      await width(nothing),
    ];
    expect(ran).toBeLessThan(unseen);
    expect(checked).toBeLessThan(unseen);
  });

  test("adds its items up, in each part that is known", async () => {
    const estimate = await estimateOf({ ...nothing, testSamples: 500 });
    for (const { item, usd } of estimate.items) expect(usd, item).not.toBeNull();
    const middle = estimate.items.reduce((sum, { usd }) => sum + (usd?.p50 ?? 0), 0);
    expect(middle / estimate.usd.p50).toBeGreaterThan(0.6);
    expect(middle / estimate.usd.p50).toBeLessThan(1.3);
    expect(estimate.chargedUsd.p50).toBeLessThan(estimate.usd.p50);
    expect(estimate.unknown).toEqual([]);
  });

  test.each([
    [{ weight: 1 }, /training\.group/],
    [{ weight: 0 }, /^$/],
  ])("of clients that learn from other runs says that theirs are not in it: %j", async (more, words) => {
    const spec = specOf({
      training: { method: "codistillation", group: "wards", ...more },
    });
    const estimate = await estimateOf({ ...nothing, testSamples: 500 }, spec);
    expect(estimate.unknown.join()).toMatch(words);
  });

  test("counts what clients download of other runs, in the rounds that learn from them", async () => {
    const egress = async (training: object) => {
      const spec = specOf({ training: { method: "codistillation", group: "wards", ...training } });
      const leaving = { near: 0, far: 8, unknown: 0 };
      return usdOf(
        await estimateOf({ ...nothing, testSamples: 500 }, spec, { seeds: 20, leaving }),
        "egress",
      );
    };
    const [alone, never, all, last] = await Promise.all([
      egress({ weight: 0 }),
      egress({ burnInRounds: 3 }),
      egress({ burnInRounds: 0 }),
      egress({ burnInRounds: 2 }),
    ]);
    const more = (of: typeof alone, part: "p10" | "p50" | "p90") => (of?.[part] ?? 0) / (alone?.[part] ?? 1);
    expect(never).toEqual(alone);
    // One model of its own, and 1 to 4 of others in each of three rounds, or in one of them.
    expect(more(all, "p10")).toBeGreaterThan(1.9);
    expect(more(all, "p90")).toBeLessThan(5.1);
    expect(more(all, "p50")).toBeGreaterThan(more(last, "p50"));
    expect(more(last, "p10")).toBeGreaterThan(1.2);
    expect(more(last, "p90")).toBeLessThan(2.5);
  });

  test("shows what is not known as not known, never as 0", async () => {
    const estimate = await estimateOf(nothing, specOf(), { leaving: { near: 7, far: 0, unknown: 1 } });
    expect(usdOf(estimate, "evaluation")).toBeNull();
    expect(usdOf(estimate, "egress")).toBeNull();
    expect(estimate.unknown.join()).toMatch(/scoring.*egress/);
    const unscored = await estimateOf(nothing, specOf(), { isScored: false });
    expect(usdOf(unscored, "evaluation")?.p90).toBeLessThan(1e-12);
    const far = await estimateOf(nothing, specOf(), { leaving: { near: 4, far: 4, unknown: 0 } });
    expect(usdOf(far, "egress")?.p10).toBeGreaterThan(0);
    const old = { leaving: { near: 0, far: 8, unknown: 0 }, prices: priceTables["fedlesscan-2022"] };
    expect(usdOf(await estimateOf(nothing, specOf(), old as never), "egress")).toBeNull();
  });

  test("says how likely a budget ends it", async () => {
    const budget = async (budgetUsd: number) =>
      (await estimateOf(nothing, specOf({ stop: { rounds: 3, budgetUsd } }))).budget;
    expect(await budget(1e-9)).toEqual({ usd: 1e-9, chance: 1 });
    expect(await budget(1_000)).toEqual({ usd: 1_000, chance: 0 });
    expect((await estimateOf(nothing)).budget).toBeNull();
  });

  test("takes what a process does once from checks, and from cold and warm calls", () => {
    const warmUpMs = (calls: readonly SeenCall[]) => {
      const work = { localEpochs: 1, batchSize: 32, stepMs: 5 };
      return beliefsOf(
        { ...nothing, calls },
        { work, cohort: 4, modelBytes: 4e6, flops: 1e6, isScored: true },
      );
    };
    const run = [...seen({ coldMs: 400, trainMs: 2_000, otherMs: 900 }), ...seen({ trainMs: 1_500 })];
    expect(warmUpMs(run).warmUp.medianMs).toBeCloseTo(2_900 - 2_000);
    const check = { basis: "check", coldMs: 400, warmUpMs: 300 } as const;
    const cold = warmUpMs(seen(check));
    expect(cold.warmUp.medianMs, "half of the rest is done for the first time").toBeCloseTo(300 + 250);
    expect(cold.clients[0]?.other.medianMs).toBeCloseTo(250);
    expect(cold.clients[0]?.train.medianMs, "was timed apart").toBeCloseTo(1_500);
    const both = warmUpMs([...seen(check), ...seen({ basis: "check", warmUpMs: 0, otherMs: 100 })]);
    expect(both.warmUp.medianMs).toBeCloseTo(500 + 300 - 100);
    expect(warmUpMs(seen()).warmUp.medianMs).toBe(USUAL_WARM_UP_MS);
  });

  test("of clients that were silent expects them to be, and calls them again", async () => {
    const evidence = {
      ...nothing,
      calls: [...seen(), ...seen({ outcome: "silence", trainMs: null, otherMs: null })],
    };
    const silent = await estimateOf(evidence);
    const well = await estimateOf({ ...nothing, calls: seen() });
    expect(silent.wallSeconds.p50).toBeGreaterThan(2 * well.wallSeconds.p50);
  });

  test("of fewer places takes longer and costs the same", async () => {
    const of = (places: number | null) => estimateOf({ ...nothing, calls: seen(), places });
    const [one, all] = [await of(1), await of(null)];
    expect(one.wallSeconds.p50).toBeGreaterThan(1.5 * all.wallSeconds.p50);
    const share = (usdOf(one, "clientTraining")?.p50 ?? 0) / (usdOf(all, "clientTraining")?.p50 ?? 1);
    expect(share).toBeGreaterThan(0.7);
    expect(share).toBeLessThan(1.4);
  });

  test("of a run that cannot go on says so", async () => {
    const gone = seen({ outcome: "silence", trainMs: null, otherMs: null, claimedMs: null, endedMs: null });
    const calls = Array.from({ length: 30 }, () => gone).flat();
    const estimate = await estimateOf({ ...nothing, calls });
    expect(estimate.eur?.p90 ?? 0).toBeLessThan(0.5);
  });
});

describe("an estimate of a relay", () => {
  const sure = seen({ trainMs: 15_000, endedMs: 15_700 });
  const calls = Array.from({ length: 30 }, () => sure).flat();
  const estimated = (groupSize: number | null, over: object = {}) => {
    const relay = groupSize === null ? {} : { relay: { strategy: "chain", groupSize } };
    const round = { deadlineSeconds: 120, ...relay };
    const leaving = { near: 0, far: 8, unknown: 0 };
    return estimateOf({ ...nothing, calls }, specOf({ round, ...over }), { leaving, seeds: 20 });
  };

  test("takes as many times as long as groups have turns, and costs the same training", async () => {
    const [beside, pairs, chain] = [await estimated(null), await estimated(2), await estimated(4)];
    const longer = (one: Estimate) => one.wallSeconds.p50 / beside.wallSeconds.p50;
    expect(longer(pairs)).toBeGreaterThan(1.4);
    expect(longer(pairs)).toBeLessThan(2.1);
    expect(longer(chain)).toBeGreaterThan(2.6);
    expect(longer(chain)).toBeLessThan(4.1);
    const trained = (one: Estimate) => usdOf(one, "clientTraining")?.p50 ?? 0;
    expect(trained(chain) / trained(beside)).toBeCloseTo(1, 1);
  });

  test("counts the update that a client goes on from among what it downloads", async () => {
    const [beside, chain] = [await estimated(null), await estimated(4)];
    const small = await estimated(4, { encoding: "int8" });
    const more = (one: Estimate) => (usdOf(one, "egress")?.p50 ?? 0) / (usdOf(beside, "egress")?.p50 ?? 1);
    // Three of four go on from an update: as large as the version, or a quarter of that.
    expect(more(chain)).toBeGreaterThan(1.65);
    expect(more(chain)).toBeLessThan(1.85);
    expect(more(small)).toBeGreaterThan(1.15);
    expect(more(small)).toBeLessThan(1.25);
  });
});

describe("every method can be estimated", () => {
  test.each(aggregationFaces.map(({ name }) => name))("%s", async (strategy) => {
    const needs = { "scaffold-server": "scaffold", "feddyn-server": "feddyn", "feddyn-bounded": "feddyn" };
    const method = Object.entries(needs).find(([name]) => name === strategy)?.[1];
    const spec = specOf({
      aggregation: { strategy },
      selection: { strategy: "random", cohortSize: 8 },
      ...(method === undefined ? {} : { training: { method } }),
      ...(strategy === "fedbuff" ? { round: { deadlineSeconds: 30, buffer: { size: 2 } } } : {}),
    });
    const estimate = await estimateOf(nothing, spec);
    expect(estimate.completedRounds.p50, strategy).toBe(3);
    expect(estimate.wallSeconds.p10).toBeGreaterThan(0);
  });

  test.each(selectionFaces.map(({ name }) => name))("%s", async (strategy) => {
    const estimate = await estimateOf(nothing, specOf({ selection: { strategy, cohortSize: 4 } }));
    expect(estimate.completedRounds.p50, strategy).toBe(3);
  });

  test.each(relayFaces.map(({ name }) => name))("%s", async (strategy) => {
    const round = { deadlineSeconds: 30, relay: { strategy, groupSize: 2 } };
    const training = { loss: "sparseCategoricalCrossentropy" };
    const estimate = await estimateOf(nothing, specOf({ round, training }));
    expect(estimate.completedRounds.p50, strategy).toBe(3);
  });

  test("prewarming, and a deadline that adapts", async () => {
    const round = { deadlineSeconds: 30, prewarm: { idleSeconds: 1 }, deadline: { kind: "adaptive" } };
    const estimate = await estimateOf(nothing, specOf({ round }));
    expect(usdOf(estimate, "prewarm")?.p90).toBeGreaterThan(0);
  });
});
