// What every training method, and what every pair of one with an aggregation, has to keep to.
import { describe, expect, it } from "vitest";
import { aggregationOf } from "../../../../shared/core/methods/aggregation/aggregationOf.ts";
import { AggregationOptions } from "../../../../shared/core/methods/aggregation/options.ts";
import { stateNames } from "../../../../shared/core/methods/aggregation/serverState.ts";
import { type Face, partsProblems, topologyProblems } from "../../../../shared/core/methods/face.ts";
import { aggregationFaces } from "../../../../shared/core/methods/registry/aggregationFaces.ts";
import { trainingFaces } from "../../../../shared/core/methods/registry/trainingFaces.ts";
import { coversOf } from "../../../../shared/core/methods/training/assigned.ts";
import { TrainingOptions } from "../../../../shared/core/methods/training/options.ts";
import { hooksOf, trainingOf } from "../../../../shared/core/methods/training/trainingOf.ts";
import { coveredShape } from "../../../../shared/core/updates/covers.ts";
import type { ModelShape } from "../../../../shared/core/updates/weights.ts";
import { buildInvocation, deepFreeze, specIssues } from "../../../support/builders.ts";

const model: ModelShape = deepFreeze([
  { name: "a/kernel", shape: [4, 6] },
  { name: "a/bias", shape: [6] },
  { name: "n/mean", shape: [6], role: "statistic" as const },
]);

/** What a spec has to say beside the name. */
const REQUIRED: Readonly<Record<string, object>> = { codistillation: { group: "wards" } };

describe.each(trainingFaces.map((face: Face) => face))("training $name", (face) => {
  const training = TrainingOptions.parse({ method: face.name, ...REQUIRED[face.name] });

  it("says whether it assigns parts, which the rules on combinations read", () => {
    expect(face.assignsParts === true).toBe(trainingOf(training).assign !== undefined);
  });

  it("says whether clients keep, get or send anything, which relays are refused for", () => {
    const { keeps = [], gets = [], sends = [] } = hooksOf(training);
    expect(face.keepsState === true).toBe(keeps.length + gets.length + sends.length > 0);
  });

  it("gets what an aggregation keeps, and has the state that an owner's own trainer is refused for", () => {
    const { keeps = [], gets = [], sends = [], outcome } = hooksOf(training);
    const kept = aggregationFaces.map(({ name }) => {
      const options = AggregationOptions.parse({ strategy: name });
      const { server } = aggregationOf(options);
      return server === undefined ? [] : stateNames(server, options);
    });
    expect(gets.length === 0 || kept.some((state) => gets.every((name) => state.includes(name)))).toBe(true);
    expect(new Set([...keeps, "local"]).size).toBe(keeps.length + 1);
    if (gets.length + sends.length > 0 || outcome !== undefined) expect(keeps).not.toEqual([]);
    if (sends.length > 0) expect(face.assignsParts).not.toBe(true);
  });

  it("assigns the same to the same invocation, and what the model has", () => {
    const spec = deepFreeze({ training, seed: 7 });
    for (const round of [1, 2, 3]) {
      const invocation = deepFreeze(buildInvocation({ round }));
      const covers = coversOf(spec, model, invocation);
      expect(coversOf(spec, model, structuredClone(invocation))).toEqual(covers);
      if (covers !== undefined) expect(coveredShape(model, covers).length).toBeGreaterThan(0);
    }
  });
});

describe("FedProx", () => {
  const { gradient, usesStart } = hooksOf(TrainingOptions.parse({ proximalMu: 0.5 }));
  const math = {
    add: (a: number, b: number) => a + b,
    sub: (a: number, b: number) => a - b,
    mul: (a: number, b: number) => a * b,
    div: (a: number, b: number) => a / b,
    square: (a: number) => a * a,
    sqrt: Math.sqrt,
    sum: (a: number) => a,
  };

  it("adds mu (w - start) to the gradient", () => {
    expect(usesStart).toBe(true);
    expect(
      gradient?.<number>(math, {
        ...{ name: "a", gradient: 2, value: 5 },
        ...{ start: () => 1, kept: () => 0, got: () => 0 },
      }),
    ).toBe(4);
  });

  it("is plain training with a mu of 0", () => {
    expect(hooksOf(TrainingOptions.parse({}))).toEqual({});
  });
});

describe("an aggregation that needs whole updates", () => {
  it.each(aggregationFaces.map((face: Face) => face))("says so in its face: $name", (face) => {
    const method = aggregationOf(AggregationOptions.parse({ strategy: face.name }));
    // A gain is of the whole: it would not be that of a coordinate that few updates have.
    const isOfParts = method.access === "stream" && method.gain === undefined;
    expect(face.needsWhole === true).toBe(!isOfParts);
  });

  it.each(aggregationFaces.map((face: Face) => face))(
    "says which training method it cannot be without: $name",
    ({ name, needsTraining }) => {
      const round = { minUpdates: 9 };
      const selection = { strategy: "random", cohortSize: 20 };
      const refused = (method: string) =>
        specIssues({ aggregation: { strategy: name }, training: { method }, selection, round }).some(
          (issue) => issue.startsWith("training.method"),
        );
      expect(refused("fedprox")).toBe(needsTraining !== undefined);
      if (needsTraining !== undefined) expect(refused(needsTraining)).toBe(false);
    },
  );

  it("is refused beside training that assigns parts, with a remedy", () => {
    const parts = { name: "slim", assignsParts: true };
    const robust = { name: "median", needsWhole: true };
    const [whole, mean] = [{ name: "fedprox" }, { name: "fedavg" }];
    expect(partsProblems(parts, robust)).toEqual([
      { path: ["aggregation", "strategy"], message: expect.stringMatching(/median.*slim.*use.*fedavg/) },
    ]);
    for (const problems of [
      partsProblems(parts, mean),
      partsProblems(whole, robust),
      partsProblems(whole, mean),
    ]) {
      expect(problems).toEqual([]);
    }
  });
});

describe("a method that needs the layers of the model", () => {
  it("is refused in a run of parameters alone, with its place and a remedy", () => {
    const training = { path: ["training", "method"], face: { name: "slim", assignsParts: true } };
    const selection = { path: ["selection", "strategy"], face: { name: "deep", needsTopology: true } };
    const plain = { path: ["aggregation", "strategy"], face: { name: "fedavg" } };
    expect(topologyProblems([training, plain, selection])).toEqual([
      { path: ["training", "method"], message: expect.stringMatching(/slim needs the layers.*use another/) },
      { path: ["selection", "strategy"], message: expect.stringMatching(/deep needs the layers/) },
    ]);
    expect(topologyProblems([plain])).toEqual([]);
  });
});
