// AdaSGD: its damping and its boost by hand, what is kept of what clients tell of their labels, and a rare
// label that only slow clients have.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Scenario } from "../../../../infra/sim/scenario/scenario.ts";
import { dampingOf } from "../../../../shared/core/methods/aggregation/adasgd/index.ts";
import { randomFrom } from "../../../../shared/core/random.ts";
import { RunSpec } from "../../../../shared/core/schemas/spec.ts";
import { parse } from "../../../../shared/http/parse.ts";
import { fold, row, valuesOf } from "../../../support/folding.ts";
import { refusal } from "../../../support/refusal.ts";
import { simulated } from "../../../support/simulated.ts";
import { cloud, type Rows, softmaxLearner } from "../../../support/softmaxLearner.ts";

describe("the damping", () => {
  it("meets inverse damping at half of the usual staleness, and ends at all of it", () => {
    // S = 12: α = ln 7 / 6, so exp(−6 α) = 1/7 and exp(−12 α) = 1/49.
    expect(dampingOf(0, 12, undefined)).toBe(1);
    expect(dampingOf(6, 12, undefined)).toBeCloseTo(1 / 7, 12);
    expect(dampingOf(12, 12, undefined)).toBeCloseTo(1 / 49, 12);
    expect(dampingOf(40, 12, undefined)).toBe(dampingOf(12, 12, undefined));
  });

  it.each([
    [18, 0.5, 1 / 49],
    [19, 0.5, 2 / 49],
    [19, 0.05, 10 / 49],
    [19, 0, 10 / 49],
    [19, 1, 1 / 49],
  ])(
    "of an update %i late with labels %d alike is %d: boosted ten times at the most",
    (late, alike, counts) => {
      expect(dampingOf(late, 12, alike)).toBeCloseTo(counts, 12);
    },
  );

  it("is above 0, at most 1, and falls with staleness and similarity", () => {
    const lateness = fc.double({ min: 0, max: 5_000, noNaN: true });
    const unit = fc.double({ min: 0, max: 1, noNaN: true });
    const usual = fc.double({ min: 1, max: 9_999, noNaN: true });
    fc.assert(
      fc.property(lateness, unit, unit, usual, (late, one, other, usually) => {
        const [less, more] = [Math.min(one, other), Math.max(one, other)];
        const damping = dampingOf(late, usually, more);
        expect(damping).toBeGreaterThan(0);
        expect(dampingOf(late, usually, less)).toBeGreaterThanOrEqual(damping);
        expect(dampingOf(late, usually, less)).toBeLessThanOrEqual(1);
        expect(dampingOf(late, usually, undefined)).toBeLessThanOrEqual(dampingOf(0, usually, undefined));
      }),
    );
  });
});

describe("adasgd", () => {
  const model = [{ name: "w", shape: [1] }];
  const step = (options: object, staleness: number, labelCounts?: number[], known?: number[]) =>
    fold({
      aggregation: { strategy: "adasgd", ...options },
      model,
      base: row(0),
      updates: [{ delta: row(49) }, { delta: row(49), staleness, ...(labelCounts && { labelCounts }) }],
      ...(known && { labelCounts: known }),
    }).then(({ weights }) => valuesOf(weights)[0]);

  it("is the mean of damped updates, times the server's rate", async () => {
    // (49 + 49 / 49) / 2.
    expect(await step({}, 12)).toBeCloseTo(25, 5);
    expect(await step({ serverLearningRate: 0.5 }, 12)).toBeCloseTo(12.5, 5);
  });

  it("boosts late updates of labels that are new, where the run asks for labels and the client tells them", async () => {
    const known = [0, 90, 10];
    const boosted = { boost: "by-labels" };
    expect(await step(boosted, 19, [5], known)).toBeCloseTo((49 + 10) / 2, 4);
    // √(0.9 · 0.5) + √(0.1 · 0.5) = 0.8944….
    expect(await step(boosted, 19, [0, 7, 7], known)).toBeCloseTo((49 + 1 / 0.894427191) / 2, 4);
    expect(await step(boosted, 19, undefined, known)).toBeCloseTo(25, 5);
    expect(await step({}, 19, [5], known)).toBeCloseTo(25, 5);
    // Before any version nothing is rare.
    expect(await step(boosted, 19, [5])).toBeCloseTo(25, 5);
  });

  it("takes what is usual from the staleness seen so far, with a share, once enough are known", async () => {
    const seen = (options: object, stalenessCounts: number[]) =>
      fold({
        ...{ aggregation: { strategy: "adasgd", ...options }, model, base: row(0), stalenessCounts },
        updates: [{ delta: row(49) }, { delta: row(49), staleness: 2 }],
      }).then(({ weights }) => valuesOf(weights)[0]);
    // S = 4: α = ln 3 / 2, so that an update 2 late counts for a third. S = 12: for exp(−2 ln 7 / 6).
    const [of4, of12] = [(49 + 49 / 3) / 2, (49 + 49 * Math.exp(-Math.log(7) / 3)) / 2];
    expect(await seen({ usualShare: 0.9 }, [5, 0, 0, 0, 4, 1])).toBeCloseTo(of4, 4);
    expect(await seen({ usualShare: 0.9 }, [5, 0, 0, 0, 4])).toBeCloseTo(of12, 4);
    expect(await seen({}, [5, 0, 0, 0, 4, 1])).toBeCloseTo(of12, 4);
  });

  it("needs labels that are class numbers", () => {
    const spec = (loss: string) => ({
      name: "rare",
      model: { builtin: "tiny-mlp" },
      selection: { strategy: "random", cohortSize: 2 },
      training: { loss },
      aggregation: { strategy: "adasgd", boost: "by-labels" },
    });
    expect(RunSpec.safeParse(spec("sparseCategoricalCrossentropy")).success).toBe(true);
    const { problems } = refusal(() => parse(RunSpec, spec("categoricalCrossentropy")));
    expect(problems.map(({ path }) => path)).toEqual(["aggregation.boost"]);
  });
});

const CLASSES = 10;
const SLOW = 3;

/** Forty clients of the same speed, but for three. */
const scenario = Scenario.parse({
  description: "a rare label",
  clients: 40,
  cohortSize: 20,
  rounds: 240,
  deadlineSeconds: 1_800,
  capacity: { timeoutSeconds: 1_800 },
  work: { seconds: 10, clientSpread: 0.1, callSpread: 0.1 },
  coldStart: { seconds: 0 },
  stragglers: { slow: 1 },
  crash: { manner: "dies" },
  dispatchSeconds: 0,
  aggregateSeconds: 0.01,
  accounting: "platform",
});

/** Class 0 is with the slow clients alone, and they have nothing else. */
async function rareAccuracy(seed: number, aggregation: object, tells = true) {
  const draw = cloud(CLASSES, 16, 0.9, seed);
  const isSlow = (clientId: string) => Number(clientId.slice("client-".length)) <= SLOW;
  const labels = (clientId: string) => {
    const random = randomFrom(seed, "labels", clientId);
    return Array.from({ length: 40 }, () => (isSlow(clientId) ? 0 : 1 + random.int(CLASSES - 1)));
  };
  const data = new Map<string, ReturnType<typeof draw>>();
  const clientData = (clientId: string) => {
    const known = data.get(clientId) ?? draw(labels(clientId), randomFrom(seed, "points", clientId));
    data.set(clientId, known);
    return known;
  };
  const test = draw(
    Array.from({ length: 300 }, (_, i) => i % CLASSES),
    randomFrom(seed, "test"),
  );
  const base = softmaxLearner({
    ...{ classes: CLASSES, features: 16, clientData, test, seed },
    ...{ learningRate: 0.3, batchSize: 10, steps: () => 5 },
  });
  const counted = (clientId: string) => {
    const counts = new Array<number>(CLASSES).fill(0);
    for (const label of clientData(clientId).y) counts[label] = (counts[label] ?? 0) + 1;
    return counts;
  };
  const { run } = await simulated({
    scenario,
    strategy: "random",
    seed,
    spec: { round: { buffer: { size: 3 } }, aggregation, stop: { rounds: 240 } },
    learner: tells ? { ...base, labelCounts: counted } : base,
    population: (drawn) => ({
      ...drawn,
      conduct: (call) => {
        const conduct = drawn.conduct(call);
        return isSlow(call.clientId) ? { ...conduct, workMs: conduct.workMs * 6 } : conduct;
      },
    }),
  });
  const each = base.classAccuracy(run.modelVersion ?? 0);
  return { rare: each[0] ?? 0, all: each.reduce((sum, one) => sum + one, 0) / CLASSES, run };
}

const late = { weight: "polynomial", exponent: 1, maxRounds: 500 };

describe("a label that only slow clients have", () => {
  it.each([1, 2, 3])("is learned with the boost, by 20 points more than without (seed %i)", async (seed) => {
    const boosted = await rareAccuracy(seed, { strategy: "adasgd", boost: "by-labels", staleness: late });
    const damped = await rareAccuracy(seed, { strategy: "adasgd", staleness: late });
    const inverse = await rareAccuracy(seed, { strategy: "fedbuff", staleness: late });
    expect(boosted.rare).toBeGreaterThanOrEqual(damped.rare + 0.2);
    expect(boosted.rare).toBeGreaterThanOrEqual(inverse.rare + 0.2);
    // And nothing is lost of the others.
    expect(boosted.all).toBeGreaterThanOrEqual(Math.max(damped.all, inverse.all));
    expect(boosted.run.labelCounts).toHaveLength(CLASSES);
    expect(damped.run.labelCounts).toBeUndefined();
    expect(damped.run.stalenessCounts).toBeUndefined();
  });

  it("is learned as well where what is usual is a percentile of what the run has seen", async () => {
    const percentile = { strategy: "adasgd", boost: "by-labels", usualShare: 0.9, staleness: late };
    const boosted = await rareAccuracy(1, percentile);
    const damped = await rareAccuracy(1, { ...percentile, boost: "none" });
    expect(boosted.rare).toBeGreaterThanOrEqual(damped.rare + 0.2);
    const { stalenessCounts = [], totals } = boosted.run;
    expect(stalenessCounts.reduce((sum, count) => sum + count, 0)).toBe(720);
    expect(totals.inTime + totals.late).toBeGreaterThanOrEqual(720);
  });

  it("is not where no client tells its labels", async () => {
    const silent = await rareAccuracy(1, { strategy: "adasgd", boost: "by-labels", staleness: late }, false);
    expect(silent.rare).toBeLessThan(0.2);
    expect(silent.run.labelCounts).toBeUndefined();
  });
});

/** Each client has two labels, and a version is made of each update, which is 20 versions late or so. */
async function atHighRate(seed: number, aggregation: object) {
  const draw = cloud(CLASSES, 16, 1.2, seed);
  const data = new Map<string, Rows>();
  const clientData = (clientId: string): Rows => {
    const random = randomFrom(seed, "labels", clientId);
    const own = [random.int(CLASSES), random.int(CLASSES)];
    const labels = Array.from({ length: 40 }, (_, i) => own[i % 2] ?? 0);
    const known = data.get(clientId) ?? draw(labels, randomFrom(seed, "points", clientId));
    data.set(clientId, known);
    return known;
  };
  const test = draw(
    Array.from({ length: 300 }, (_, i) => i % CLASSES),
    randomFrom(seed, "test"),
  );
  const learner = softmaxLearner({
    ...{ classes: CLASSES, features: 16, hidden: 16, clientData, test, seed },
    ...{ learningRate: 1, batchSize: 10, steps: () => 5 },
  });
  const { scores, run } = await simulated({
    ...{ scenario: { ...scenario, work: { ...scenario.work, clientSpread: 1 } }, strategy: "random", seed },
    spec: { round: { buffer: { size: 1 } }, aggregation, stop: { rounds: 240 } },
    learner,
  });
  const last = scores.slice(-40).map(({ accuracy }) => accuracy);
  const accuracy = last.reduce((sum, one) => sum + one, 0) / last.length;
  return { accuracy, loss: learner.losses.get(run.modelVersion ?? 0) ?? Number.NaN };
}

describe("a learning rate that is too high for late updates", () => {
  it.each([1, 2])("fails without damping, and not with it (seed %i)", async (seed) => {
    const undamped = { weight: "constant", maxRounds: 500 };
    const plain = await atHighRate(seed, { strategy: "fedbuff", staleness: undamped });
    const damped = await atHighRate(seed, { strategy: "adasgd", staleness: late });
    expect(damped.accuracy).toBeGreaterThan(0.55);
    expect(damped.accuracy).toBeGreaterThan(plain.accuracy + 0.1);
    // What a guess among ten classes loses is 2.3.
    expect(damped.loss).toBeLessThan(2);
    expect(plain.loss).toBeGreaterThan(2.3);
  });
});
