// Training inside a simulation, on a tiny model and the trainer of tests.
import { describe, expect, it } from "vitest";
import type { Learner } from "../../../../infra/sim/engine/learner.ts";
import { simulateRun } from "../../../../infra/sim/engine/simulateRun.ts";
import type { ClosedRound } from "../../../../infra/sim/engine/world.ts";
import type { Attack } from "../../../../infra/sim/population/attacks.ts";
import { populationOf, specOf } from "../../../../infra/sim/source.ts";
import { simulatedModel } from "../../../../infra/sim/training/models.ts";
import { trainedLearner } from "../../../../infra/sim/training/trainedLearner.ts";
import { createTestTrainer } from "../../../../shared/cloud/tensors/testTrainer.ts";
import { priceTables } from "../../../../shared/core/cost/prices.ts";
import { FlError } from "../../../../shared/core/errors.ts";
import { parameterShapes } from "../../../../shared/core/models/parameterShapes.ts";
import { toLayersTopology } from "../../../../shared/core/models/topology.ts";
import type { Dataset, Trainer } from "../../../../shared/core/ports/trainer.ts";
import type { StoredRunSpec } from "../../../../shared/core/schemas/spec.ts";
import { elementCount } from "../../../../shared/core/updates/safetensors.ts";
import { buildInvocation, buildSpec } from "../../../support/builders.ts";
import { buildScenario, buildSource } from "../builders.ts";

function dataset(samples: number): Dataset {
  return {
    x: { shape: [samples, 4], values: new Float32Array(4 * samples) },
    y: { shape: [samples], values: new Float32Array(samples) },
  };
}

function learnerFor(
  spec: StoredRunSpec,
  trainer: Trainer = createTestTrainer(),
  attackOf?: (clientId: string) => Attack | null,
): Promise<Learner> {
  return trainedLearner({
    spec,
    trainer,
    topology: toLayersTopology(simulatedModel("tiny-mlp")),
    clientData: (clientId) => dataset(clientId.length),
    evaluationData: dataset(5),
    ...(attackOf === undefined ? {} : { attackOf }),
  });
}

const asked = (clientId: string, baseVersion = 0) => buildInvocation({ clientId, baseVersion });

describe("a trained learner", () => {
  it("has the model's parameters, and its clients' samples", async () => {
    const { model, samples } = await learnerFor(buildSpec());
    expect(model).toMatchObject({ parameterCount: 67, sizeBytes: 268 });
    expect(samples("client-1")).toBe(8);
  });

  it("trains from the version that the client was given, the same each time", async () => {
    const learner = await learnerFor(buildSpec());
    const first = await learner.update(asked("client-1"));
    expect(first).toMatchObject({ ok: true });
    expect(await learner.update(asked("client-1"))).toEqual(first);
    expect(await learner.update(asked("client-2"))).not.toEqual(first);
    const zeros = learner.weights(0).map((weight) => ({ ...weight, values: weight.values.map(() => 0) }));
    learner.keep(1, zeros, null, 0);
    expect(await learner.update(asked("client-1", 1))).not.toEqual(first);
    expect(await learner.update(asked("client-1"))).toEqual(first);
  });

  it("trains on what is not kept apart, and scores the rest with the version that the client was given", async () => {
    const plain = createTestTrainer();
    const seen: number[] = [];
    const trainer: Trainer = {
      ...plain,
      train: async (task) => {
        seen.push(task.data.x.shape[0] ?? 0);
        return plain.train(task);
      },
    };
    const spec = buildSpec({ evaluation: { federated: { share: 0.5, minSamples: 1 } } });
    const learner = await trainedLearner({
      spec,
      trainer,
      topology: toLayersTopology(simulatedModel("tiny-mlp")),
      clientData: () => ({
        ...dataset(20),
        y: { shape: [20], values: new Float32Array(20).map((_, i) => i) },
      }),
      evaluationData: dataset(5),
    });
    const score = await learner.scored?.(asked("client-1"));
    const kept = score?.evaluation?.samples ?? 0;
    expect(kept).toBeGreaterThan(0);
    expect(learner.samples("client-1")).toBe(20 - kept);
    const central = await learner.score(0);
    expect(score?.evaluation).toMatchObject({ version: 0, metrics: { loss: central?.loss } });
    await learner.update(asked("client-1"));
    expect(seen).toEqual([20 - kept]);
    expect(await learnerFor(buildSpec())).not.toHaveProperty("scored");
  });

  it("goes on in a relay with what the clients before have made, each trained once, and counts labels", async () => {
    const steps: Readonly<Record<string, number>> = { one: 1, two: 2, three: 4 };
    const trained: string[] = [];
    const plain = createTestTrainer();
    const trainer: Trainer = {
      ...plain,
      train: async (task) => {
        trained.push(task.clientId);
        const moved = (value: number) => value + (steps[task.clientId] ?? 0);
        const weights = task.weights.map((weight) => ({ ...weight, values: weight.values.map(moved) }));
        return { ...(await plain.train(task)), weights };
      },
    };
    const learner = await learnerFor(buildSpec(), trainer);
    const [one, two, three] = [asked("one"), asked("two"), asked("three")];
    const start = learner.weights(0).map(({ values }) => values[0]);
    await learner.learned?.(two, [one]);
    const update = await learner.update(three, [three], [one, two]);
    if (!update.ok) throw new Error("it is sound");
    for (const { values } of update.delta) expect(values[0]).toBeCloseTo(7, 4);
    expect(trained.toSorted()).toEqual(["one", "three", "two"]);
    expect(learner.weights(0).map(({ values }) => values[0])).toEqual(start);
    const alone = await learner.update(asked("three"));
    if (!alone.ok) throw new Error("it is sound");
    expect(alone.delta[0]?.values[0]).toBeCloseTo(4, 4);
    expect(learner.labelCounts?.("three")).toEqual([5]);
  });

  it("reports what a report says of a training, which it does once", async () => {
    let trainings = 0;
    const plain = createTestTrainer();
    const trainer: Trainer = {
      ...plain,
      train: async (task) => {
        trainings += 1;
        return { ...(await plain.train(task)), signals: { "gradient-norm": 2 } };
      },
    };
    const learner = await learnerFor(buildSpec(), trainer);
    const learned = await learner.learned?.(asked("client-1"));
    expect(learned).toEqual({
      lossBefore: expect.any(Number),
      lossAfter: expect.any(Number),
      signals: { "gradient-norm": 2 },
    });
    expect(Number(learned?.lossAfter)).toBeLessThan(Number(learned?.lossBefore));
    const update = await learner.update(asked("client-1"));
    expect(trainings).toBe(1);
    expect(await (await learnerFor(buildSpec())).update(asked("client-1"))).toEqual(update);
  });

  it("goes on from what a client has kept, once its report counts, and from nothing else", async () => {
    const starts: number[] = [];
    const plain = createTestTrainer();
    const trainer: Trainer = {
      ...plain,
      train: async (task) => {
        starts.push(task.weights.at(-1)?.values[0] ?? Number.NaN);
        return plain.train(task);
      },
    };
    const spec = buildSpec({ training: { local: ["output"] } });
    const learner = await learnerFor(spec, trainer);
    const of = (round: number) => buildInvocation({ clientId: "client-1", round });
    expect(await learner.score(0), "no version is a whole model").toBeNull();
    await learner.learned?.(of(1));
    await learner.update(of(1)); // It was not counted: it came too late, say.
    await learner.learned?.(of(2));
    learner.keepState?.(of(2));
    const update = await learner.update(of(2));
    expect(update.ok && update.delta.map(({ name }) => name)).toEqual(["hidden/kernel", "hidden/bias"]);
    await learner.learned?.(of(4));
    await learner.learned?.(of(3));
    learner.keepState?.(of(4));
    learner.keepState?.(of(3));
    await learner.learned?.(of(5));
    const [first, second, fourth, third, fifth] = starts;
    expect(second, "as at first").toBe(first);
    expect(fourth).not.toBe(first);
    expect(third).toBe(fourth);
    expect(fifth, "the later round's").not.toBe(fourth);
    expect((await learnerFor(buildSpec())).keepState, "nothing is kept").toBeUndefined();
  });

  it("has attackers send what they make of the honest updates of the round, in whatever order", async () => {
    const malicious = (clientId: string): Attack | null =>
      clientId.endsWith("4") ? { kind: "ipm", strength: 2 } : null;
    const inputs = ["client-1", "client-4", "client-2"].map((clientId) => asked(clientId));
    const honest = await learnerFor(buildSpec());
    const valuesOf = async (learner: Learner, at: number) => {
      const invocation = inputs[at];
      if (invocation === undefined) throw new Error("unreachable");
      const update = await learner.update(invocation, inputs);
      return update.ok ? update.delta.flatMap(({ values }) => [...values]) : [];
    };
    const [one, other] = [await valuesOf(honest, 0), await valuesOf(honest, 2)];
    const learner = await learnerFor(buildSpec(), createTestTrainer(), malicious);
    expect(await valuesOf(learner, 0)).toEqual(one);
    const attacked = await valuesOf(learner, 1);
    expect(attacked).toHaveLength(67);
    for (const [k, value] of attacked.entries()) {
      expect(value).toBeCloseTo(-((one[k] ?? 0) + (other[k] ?? 0)), 5);
    }
    expect(await valuesOf(learner, 2)).toEqual(other);
  });

  it("has attackers send what goes beside their update in the same manner", async () => {
    const spec = buildSpec({ training: { method: "feddyn" }, aggregation: { strategy: "feddyn-bounded" } });
    const sentBy = async (attack: Attack | null) => {
      const learner = await learnerFor(spec, createTestTrainer(), () => attack);
      const update = await learner.update(asked("client-1"));
      return update.ok ? update.delta : [];
    };
    const honest = await sentBy(null);
    const flipped = await sentBy({ kind: "sign-flip" });
    expect(honest.some(({ name }) => name.startsWith("dual/"))).toBe(true);
    for (const [i, { name, values }] of honest.entries()) {
      expect(
        values.some((value) => value !== 0),
        name,
      ).toBe(true);
      for (const [k, value] of values.entries()) {
        expect(flipped[i]?.values[k], name).toBeCloseTo(-5 * value, 4);
      }
    }
    // What honest clients send beside theirs is not known to those who know their updates.
    const besideOnly = (delta: typeof honest) => delta.filter(({ name }) => name.startsWith("dual/"));
    expect(besideOnly(await sentBy({ kind: "ipm" }))).toEqual(besideOnly(honest));
  });

  it("forgets versions that are no longer needed", async () => {
    const learner = await learnerFor(buildSpec());
    learner.keep(1, learner.weights(0), null, 1);
    expect(() => learner.weights(0)).toThrow(new FlError("internal", "Version 0 is not kept any more."));
    await expect(learner.update(asked("client-1"))).rejects.toThrow("Version 0");
    expect(learner.weights(1)).toHaveLength(4);
  });

  it("refuses an update as the aggregator would", async () => {
    const norm = { action: "reject", max: 1e-6 };
    const update = await (await learnerFor(buildSpec({ aggregation: { norm } }))).update(asked("client-1"));
    expect(update).toMatchObject({ ok: false });
  });

  it("does not cut training short, which takes a real clock", async () => {
    await expect(learnerFor(buildSpec({ round: { onDeadline: "submit-partial" } }))).rejects.toThrow(
      "Partial work is simulated with training off only",
    );
  });

  it("is of one run, and has none to learn from", async () => {
    const of = (weight: number) =>
      learnerFor(buildSpec({ training: { method: "codistillation", group: "wards", weight } }));
    await expect(of(1)).rejects.toThrow("a simulation is of one");
    await expect(of(0)).resolves.toBeDefined();
  });
});

describe("a simulated run that trains", () => {
  it("learns, the same whatever else is simulated, and scores every version", async () => {
    const source = buildSource(
      buildScenario({
        stragglers: { slow: 1 },
        slowFactor: [7, 7],
        rounds: 6,
        spec: { model: { builtin: "tiny-mlp" } },
      }),
    );
    const trained = async () => {
      const choice = { strategy: "fedlesscan", paperFaithful: false, level: 0.5, seed: 2 };
      const spec = specOf(source, choice, {});
      const rounds: ClosedRound[] = [];
      const scores: number[] = [];
      const { run } = await simulateRun({
        spec,
        population: populationOf(source, choice.level, choice.seed),
        learner: await learnerFor(spec),
        prices: priceTables["cloud-run-2026"],
        workFactor: 1,
        ignoresBusy: false,
        onRound: (round) => rounds.push(round),
        onScore: (_round, accuracy) => scores.push(accuracy),
      });
      return { run, rounds, scores };
    };
    const { run, rounds, scores } = await trained();
    expect(scores).toHaveLength(6);
    expect(scores.at(-1)).toBeGreaterThan(Number(scores[0]) + 0.1);
    expect(run.accuracy).toBe(scores.at(-1));
    expect(rounds.some(({ round }) => round.consumed.some(({ staleness }) => staleness > 0))).toBe(true);
    expect(await trained()).toEqual({ run, rounds, scores });
  });
});

describe("a simulated run whose clients keep a layer", () => {
  it("has each client go on from its own, and scores no version", async () => {
    const source = buildSource(buildScenario({ rounds: 4, spec: { model: { builtin: "tiny-mlp" } } }));
    const choice = { strategy: "random", paperFaithful: false, level: 0, seed: 2 };
    const plain = specOf(source, choice, {});
    const spec = { ...plain, training: { ...plain.training, local: ["output"] } };
    const starts = new Map<string, number[]>();
    const test = createTestTrainer();
    const trainer: Trainer = {
      ...test,
      train: async (task) => {
        const start = task.weights.at(-1)?.values[0] ?? Number.NaN;
        starts.set(task.clientId, [...(starts.get(task.clientId) ?? []), start]);
        return test.train(task);
      },
    };
    const { run } = await simulateRun({
      spec,
      population: populationOf(source, choice.level, choice.seed),
      learner: await learnerFor(spec, trainer),
      prices: priceTables["cloud-run-2026"],
      workFactor: 1,
      ignoresBusy: false,
    });
    expect(run).toMatchObject({ status: "completed", accuracy: null, best: null });
    const again = [...starts.values()].filter(({ length }) => length > 1);
    expect(again.length).toBeGreaterThan(0);
    for (const values of again)
      expect(new Set(values).size, "each time from somewhere else").toBe(values.length);
  });
});

describe("models of scenarios", () => {
  it("are the built-in ones and a small one", () => {
    const count = (name: string) =>
      parameterShapes(simulatedModel(name)).reduce((sum, { shape }) => sum + elementCount(shape), 0);
    expect([count("tiny-mlp"), count("small-mlp")]).toEqual([67, 50_890]);
    expect(() => simulatedModel("huge")).toThrow('There is no built-in model "huge"');
  });
});
