// A run's spec as people write it: defaults, bounds, rules across fields, and every mistake listed by its
// path.
import { describe, expect, it } from "vitest";
import { MAX_EPSILON_STEPS } from "../../../shared/core/methods/selection/fedlesscan/options.ts";
import { MAX_ROUND } from "../../../shared/core/schemas/ids.ts";
import { scoredBy } from "../../../shared/core/schemas/scoredBy.ts";
import {
  MAX_COHORT,
  MAX_DEADLINE_SECONDS,
  RunSpec,
  StopSpec,
  StoredRunSpec,
} from "../../../shared/core/schemas/spec.ts";
import { parse } from "../../../shared/http/parse.ts";
import { deepFreeze, specIssues } from "../../support/builders.ts";
import { readGuide } from "../../support/guides.ts";
import { refusal } from "../../support/refusal.ts";

const least = deepFreeze({
  name: "fashion-20",
  model: { builtin: "mnist-cnn" },
  selection: { strategy: "random", cohortSize: 8 },
});
const documented = deepFreeze({
  name: "fashion-20",
  model: { builtin: "mnist-cnn" },
  training: {
    localEpochs: 2,
    batchSize: 20,
    optimizer: { name: "adam", learningRate: 0.001 },
    proximalMu: 0,
  },
  selection: { strategy: "random", cohortSize: 8 },
  aggregation: { strategy: "fedavg", staleness: { weight: "paper", maxRounds: 2 } },
  round: { deadlineSeconds: 60, minUpdates: 3, quorum: 1.0, onDeadline: "finish-late" },
  encoding: "f32",
  stop: { rounds: 10, targetAccuracy: 0.9, budgetUsd: 1 },
  seed: 7,
});
/** The paths of what is wrong. */
const wrong = (spec: unknown) => refusal(() => parse(RunSpec, spec)).problems.map(({ path }) => path);

const wrongOrNone = (spec: unknown) => RunSpec.safeParse(spec).error?.issues ?? [];

describe("RunSpec", () => {
  it("takes the documented spec as it is, and adds only defaults", () => {
    const spec = RunSpec.parse(documented);
    expect(spec).toMatchObject(documented);
    expect(spec.training).toEqual({
      method: "fedprox",
      localEpochs: 2,
      batchSize: 20,
      optimizer: { name: "adam", learningRate: 0.001, beta1: 0.9, beta2: 0.999 },
      loss: "sparseCategoricalCrossentropy",
      proximalMu: 0,
    });
  });

  it("has a default for everything but the name, the model and the selection", () => {
    expect(RunSpec.parse(least)).toEqual({
      ...least,
      training: {
        method: "fedprox",
        localEpochs: 1,
        batchSize: 32,
        optimizer: { name: "adam", learningRate: 0.001, beta1: 0.9, beta2: 0.999 },
        loss: "sparseCategoricalCrossentropy",
        proximalMu: 0,
      },
      aggregation: {
        strategy: "fedavg",
        staleness: { weight: "paper", maxRounds: 2 },
        norm: { action: "reject", max: 1e6 },
        maxSamplesRatio: 10,
      },
      round: { deadlineSeconds: 60, minUpdates: 1, extend: true, quorum: 1, onDeadline: "finish-late" },
      encoding: "f32",
      stop: { rounds: 10 },
      seed: 1,
      keepInvocationsDays: 90,
    });
    expect(wrong({})).toEqual(["name", "model", "selection"]);
  });

  it.each([
    ["sgd", { learningRate: 0.01 }],
    ["momentum", { learningRate: 0.01, momentum: 0.9 }],
    ["adam", { learningRate: 0.001, beta1: 0.9, beta2: 0.999 }],
    ["adamw", { learningRate: 0.001, beta1: 0.9, beta2: 0.999, weightDecay: 0.004 }],
    ["rmsprop", { learningRate: 0.001, rho: 0.9, epsilon: 1e-7 }],
    ["adagrad", { learningRate: 0.001, initialAccumulator: 0.1, epsilon: 1e-7 }],
  ])("defaults of the optimiser %s", (name, defaults) => {
    const spec = RunSpec.parse({ ...least, training: { optimizer: { name } } });
    expect(spec.training.optimizer).toEqual({ name, ...defaults });
  });

  it.each([
    ["paper", {}],
    ["polynomial", { exponent: 0.5 }],
    ["constant", {}],
  ])("defaults of the staleness weight %s", (weight, defaults) => {
    const spec = RunSpec.parse({ ...least, aggregation: { staleness: { weight } } });
    expect(spec.aggregation.staleness).toEqual({ weight, maxRounds: 2, ...defaults });
  });

  it("comes back from JSON as it went, and parsing it again changes nothing", () => {
    const spec = RunSpec.parse(documented);
    expect(RunSpec.parse(JSON.parse(JSON.stringify(spec)))).toEqual(spec);
    expect(RunSpec.parse(spec)).toEqual(spec);
  });

  it("trims its name", () => {
    expect(RunSpec.parse({ ...least, name: "  a  " }).name).toBe("a");
    expect(wrong({ ...least, name: "   " })).toEqual(["name"]);
  });

  it.each([
    ["training.localEpochs", [1, 1_000], [0, 1_001, 1.5]],
    ["training.batchSize", [1, 65_536], [0, 65_537]],
    ["training.proximalMu", [0, 1_000], [-0.1, 1_001, Number.NaN]],
    ["round.deadlineSeconds", [1, 1.5, MAX_DEADLINE_SECONDS], [0.9, MAX_DEADLINE_SECONDS + 1]],
    ["round.minUpdates", [1, 8], [0, 1.5, MAX_COHORT + 1]],
    ["round.quorum", [0.001, 1], [0, 1.001]],
    ["round.onDeadline", ["finish-late", "submit-partial"], ["stop"]],
    ["aggregation.staleness", [{ weight: "paper", maxRounds: 0 }], []],
    [
      "aggregation.norm",
      [{ action: "none" }, { action: "clip", max: 1e30 }, { action: "reject", max: 1e-30 }],
      [],
    ],
    ["encoding", ["f32", "f16", "int8"], ["f8", "F32"]],
    ["stop.rounds", [1, MAX_ROUND], [0, MAX_ROUND + 1]],
    ["stop.targetAccuracy", [0.01, 1], [0, 1.01]],
    ["stop.budgetUsd", [0.000001, 1e6], [0, -1, 1e6 + 1]],
    ["seed", [0, Number.MAX_SAFE_INTEGER], [-1, 0.5, 2 ** 53]],
    ["selection.cohortSize", [1, MAX_COHORT], [0, MAX_COHORT + 1, 2.5]],
    ["name", ["x", "x".repeat(100)], ["x".repeat(101), 7]],
  ])("bounds of %s", (path, good, bad) => {
    for (const value of good) {
      expect(RunSpec.safeParse(set(least, path, value)).success, `${path} = ${value}`).toBe(true);
    }
    for (const value of bad) expect(wrong(set(least, path, value)), `${path} = ${value}`).toContain(path);
  });

  it("refuses more updates than there are clients in a cohort, and a larger cohort than a document holds", () => {
    expect(RunSpec.safeParse(set(documented, "round.minUpdates", 8)).success).toBe(true);
    expect(wrong(set(documented, "round.minUpdates", 9))).toEqual(["round.minUpdates"]);
    const both = set(set(documented, "selection.cohortSize", MAX_COHORT + 1), "round.minUpdates", MAX_COHORT);
    expect(wrong(both)).toEqual(["selection.cohortSize"]);
  });

  it("bounds the steps of the epsilon grid, and still reads a document that has more", () => {
    const selection = (epsilon: object) => ({ strategy: "fedlesscan", cohortSize: 8, epsilon });
    const most = { from: 1, below: 1 + 0.25 * MAX_EPSILON_STEPS, step: 0.25 };
    expect(RunSpec.safeParse({ ...least, selection: selection(most) }).success).toBe(true);
    const more = { ...most, below: most.below + 0.01 };
    expect(wrong({ ...least, selection: selection(more) })).toEqual(["selection.epsilon"]);
    const hostile = selection({ from: 0.001, below: 100, step: 0.001 });
    expect(wrong({ ...least, selection: hostile })).toEqual(["selection.epsilon"]);
    expect(StoredRunSpec.safeParse({ ...RunSpec.parse(least), selection: hostile }).success).toBe(true);
  });

  it("lists every key that it does not know, wherever it is, beside what else is wrong", () => {
    const spec = {
      ...documented,
      colour: "red",
      training: { epochs: 3, optimizer: { name: "sgd", learningRate: -1, momentum: 0.5 } },
      selection: { strategy: "random", cohortSize: 8, size: 8 },
      aggregation: { staleness: { weight: "constant", exponent: 1 } },
      round: { deadline: 60, min: 3 },
      stop: { round: 10 },
      model: { builtin: "mnist-cnn", layers: 3 },
    };
    expect(wrong(spec).toSorted()).toEqual([
      "aggregation.staleness.exponent",
      "colour",
      "model.layers",
      "round.deadline",
      "round.min",
      "selection.size",
      "stop.round",
      "training.epochs",
      "training.optimizer.learningRate",
      "training.optimizer.momentum",
    ]);
  });

  it.each([
    ["model.builtin", { ...least, model: { builtin: "resnet-9000" } }],
    ["selection.strategy", { ...least, selection: { strategy: "best", cohortSize: 8 } }],
    ["training.optimizer.name", { ...least, training: { optimizer: { name: "lion" } } }],
    ["aggregation.norm.max", { ...least, aggregation: { norm: { action: "clip" } } }],
    ["aggregation.norm.max", { ...least, aggregation: { norm: { action: "clip", max: 0 } } }],
    ["aggregation.norm.max", { ...least, aggregation: { norm: { action: "reject", max: 2e30 } } }],
    ["aggregation.norm.max", { ...least, aggregation: { norm: { action: "none", max: 1 } } }],
    ["aggregation.norm.action", { ...least, aggregation: { norm: { action: "shorten", max: 1 } } }],
    ["aggregation.staleness.weight", { ...least, aggregation: { staleness: { weight: "none" } } }],
    ["aggregation.strategy", { ...least, aggregation: { strategy: "best" } }],
  ])("says where a choice is invalid: %s", (path, spec) => {
    expect(wrong(spec)).toEqual([path]);
  });

  it.each([
    ["mse", "meanSquaredError"],
    ["MeanSquaredError", "meanSquaredError"],
    ["mean_absolute_error", "meanAbsoluteError"],
    ["MAE", "meanAbsoluteError"],
    ["kl_divergence", "kullbackLeiblerDivergence"],
    ["KLDivergence", "kullbackLeiblerDivergence"],
    ["kullback_leibler_divergence", "kullbackLeiblerDivergence"],
    ["sparse_categorical_crossentropy", "sparseCategoricalCrossentropy"],
    ["BinaryCrossentropy", "binaryCrossentropy"],
    ["Huber", "huber"],
    ["hinge", "hinge"],
    ["poisson", "poisson"],
  ])("takes the loss %s in any spelling of Keras", (written, loss) => {
    const given = { ...least, training: { loss: written } };
    expect(RunSpec.parse(given).training.loss).toBe(loss);
    expect(given.training.loss).toBe(written);
  });

  it("takes an optimizer by its name alone, and in any case", () => {
    for (const optimizer of ["RMSprop", { name: "RMSProp" }, { name: "rmsprop" }]) {
      const { training } = RunSpec.parse({ ...least, training: { optimizer } });
      expect(training.optimizer.name).toBe("rmsprop");
    }
    for (const optimizer of [null, 7, ["sgd"], { name: 7 }, "lion"]) {
      expect(RunSpec.safeParse({ ...least, training: { optimizer } }).success).toBe(false);
    }
    for (const training of [null, "x", []])
      expect(RunSpec.safeParse({ ...least, training }).success).toBe(false);
  });

  it.each([
    [{ globalClipNorm: 0 }, "training.optimizer.globalClipNorm"],
    [{ weightDecay: 1.5 }, "training.optimizer.weightDecay"],
    [{ schedule: { kind: "step" } }, "training.optimizer.schedule.everyRounds"],
    [{ schedule: { kind: "cosine", rounds: 1.5 } }, "training.optimizer.schedule.rounds"],
    [{ schedule: { kind: "cyclic" } }, "training.optimizer.schedule.kind"],
  ])("refuses the optimizer option %j", (option, path) => {
    expect(wrong({ ...least, training: { optimizer: { name: "sgd", ...option } } })).toEqual([path]);
  });

  it("says which choices there are", () => {
    const [problem] = refusal(() => parse(RunSpec, { ...least, training: { loss: "focal" } })).problems;
    expect(problem?.message).toContain("meanSquaredError");
  });

  it("takes any layers model as either tool writes it, keeping what it does not know of it", () => {
    const bare = { class_name: "Sequential", config: { layers: [] }, keras_version: "x" };
    const topology = { model_config: bare, backend: "tensorflow" };
    for (const [layers, read] of [
      [topology, topology],
      [{ modelTopology: topology, weightsManifest: [] }, topology],
      [bare, { model_config: bare }],
      [{ format: "layers-model", modelTopology: bare }, { model_config: bare }],
    ]) {
      expect(RunSpec.parse({ ...least, model: { layers } }).model).toEqual({ layers: read });
    }
  });

  it.each([{}, { layers: {} }, { layers: { model_config: {} } }, { layers: [] }, { layers: null }])(
    "refuses %j, which is no model",
    (model) => {
      const paths = wrong({ ...least, model });
      expect(paths.length).toBeGreaterThan(0);
      for (const path of paths) expect(path).toMatch(/^model(\.|$)/);
    },
  );

  describe("with scores of clients", () => {
    const asking = (evaluation: object, rest: object = {}) => ({ ...least, evaluation, ...rest });
    const target = { stop: { target: { metric: "accuracy", value: 0.9 } } };
    const local = { training: { local: ["output"] } };

    it("keeps a tenth of the rows apart where it does not say how many", () => {
      expect(RunSpec.parse(asking({ federated: {} })).evaluation).toEqual({
        federated: { share: 0.1, minSamples: 5 },
      });
      expect(RunSpec.parse(least)).not.toHaveProperty("evaluation");
    });

    it("reads the example of the guide", () => {
      const example = /<!-- federated-spec -->\n```json\n([^`]+)```/.exec(
        readGuide("docs/evaluation.md"),
      )?.[1];
      const { evaluation, stop } = RunSpec.parse(JSON.parse(example ?? ""));
      expect(evaluation?.federated).toEqual({ share: 0.1, minSamples: 5 });
      expect(stop.target).toEqual({ metric: "accuracy", value: 0.85 });
    });

    it.each([
      ["share", [0.01, 0.5], [0.009, 0.51, 0, 1]],
      ["minSamples", [1, 1_000_000], [0, 1.5, 1_000_001]],
    ])("bounds %s", (name, good, bad) => {
      for (const value of good) {
        expect(RunSpec.safeParse(asking({ federated: { [name]: value } })).success).toBe(true);
      }
      for (const value of bad) {
        expect(wrong(asking({ federated: { [name]: value } }))).toEqual([`evaluation.federated.${name}`]);
      }
      expect(wrong(asking({ federated: { shares: 0.1 } }))).toEqual(["evaluation.federated.shares"]);
    });

    it("goes by them only where clients score, and by a test set only where versions are scored on it", () => {
      expect(wrong(asking({ by: "federated" }))).toEqual(["evaluation.by"]);
      expect(wrong(asking({ by: "central", central: false }))).toEqual(["evaluation.by"]);
      expect(wrong(asking({ by: "central", federated: {} }, local))).toEqual(["evaluation.by"]);
      expect(RunSpec.safeParse(asking({ by: "federated", federated: {} })).success).toBe(true);
      expect(RunSpec.safeParse(asking({ by: "central", federated: {} })).success).toBe(true);
    });

    it("may have a target where nothing else scores", () => {
      for (const rest of [local, {}]) {
        const evaluation = { central: rest === local ? undefined : false };
        expect(wrong(asking(evaluation, { ...rest, ...target }))).toEqual(["stop.target"]);
        const scored = asking({ ...evaluation, federated: {} }, { ...rest, ...target });
        expect(RunSpec.safeParse(scored).success).toBe(true);
      }
    });

    it.each([
      [{ federated: {} }, {}, "central"],
      [{ federated: {}, by: "federated" }, {}, "federated"],
      [{ federated: {}, central: false }, {}, "federated"],
      [{ federated: {} }, local, "federated"],
      [{ federated: {}, metric: "cost", direction: "lower" }, {}, "federated"],
      [{ central: false }, {}, "central"],
    ])("is scored by the side that it names, or by the one that scores: %j %j", (evaluation, rest, whose) => {
      expect(scoredBy(RunSpec.parse(asking(evaluation, rest)))).toBe(whose);
    });
  });

  describe("with parameters and no topology", () => {
    const upload = "0123456789abcdef";
    const named = (model: object, rest: object = {}) => ({ ...least, model, ...rest });

    it("takes their names and shapes, or the file's alone", () => {
      const parameters = [
        { name: "w", shape: [2, 3] },
        { name: "mean", shape: [3], role: "statistic", min: 0 },
        { name: "scale", shape: [], role: "frozen" },
      ];
      const weights = { upload };
      expect(RunSpec.parse(named({ parameters, weights })).model).toEqual({
        parameters,
        weights: { upload, partial: false },
      });
      expect(RunSpec.parse(named({ weights })).model).toEqual({ weights: { upload, partial: false } });
    });

    it("begins with an upload, or with a version of another run: one of them", () => {
      const of = (weights: object) => RunSpec.parse({ ...least, model: { builtin: "tiny-mlp", weights } });
      expect(of({ run: "ward-1f9c0a77" }).model.weights).toEqual({
        ...{ run: "ward-1f9c0a77", version: "latest", partial: false },
      });
      for (const version of [0, 12, "latest", "best"]) {
        expect(of({ run: "ward", version, partial: true }).model.weights).toEqual({
          ...{ run: "ward", version, partial: true },
        });
      }
      expect(RunSpec.parse(named({ weights: { run: "ward", version: 3 } })).model).toEqual({
        weights: { run: "ward", version: 3, partial: false },
      });
      const given = (weights: object) => wrong(named({ weights }));
      expect(given({ run: "../ward" })).toEqual(["model.weights.run"]);
      for (const version of [-1, 1.5, "newest", "3", null, 2 ** 60]) {
        expect(given({ run: "ward", version })).toEqual(["model.weights.version"]);
      }
      expect(given({ run: "ward", upload })).toEqual(["model.weights.run"]);
      expect(given({ upload, version: 1 })).toEqual(["model.weights.version"]);
      expect(given({ run: "ward", partial: true })).toEqual(["model.weights.partial"]);
      expect(given({})).toHaveLength(1);
    });

    it("refuses parameters without values, twice of a name, or none of them trained", () => {
      const twice = [
        { name: "w", shape: [1] },
        { name: "w", shape: [1] },
        { name: "w", shape: [1] },
        { name: "w", shape: [1] },
      ];
      expect(wrong(named({ parameters: twice, weights: { upload } }))).toEqual(
        [1, 2, 3].map((i) => `model.parameters.${i}.name`),
      );
      expect(wrong(named({ parameters: twice.slice(1, 2) }))).toEqual(["model.weights"]);
      const frozen = [{ name: "w", shape: [1], role: "frozen" }];
      expect(wrong(named({ parameters: frozen, weights: { upload } }))).toEqual(["model.parameters"]);
      expect(wrong(named({ parameters: [], weights: { upload } }))).toEqual(["model.parameters"]);
    });

    it("refuses what only clients decide, and what only a topology could say", () => {
      const own = [{ name: "w", shape: [1], local: true }];
      expect(wrong(named({ parameters: own, weights: { upload } }))).toEqual(["model.parameters.0.local"]);
      const least = [{ name: "w", shape: [1], min: 0 }];
      expect(wrong(named({ parameters: least, weights: { upload } }))).toEqual(["model.parameters.0.min"]);
      expect(wrong(named({ weights: { upload, partial: true } }))).toEqual(["model.weights.partial"]);
    });

    it("refuses targets, which no version could be measured against", () => {
      const weights = { upload };
      expect(wrong(named({ weights }, { stop: { targetAccuracy: 0.9 } }))).toEqual(["stop.targetAccuracy"]);
      const loss = { stop: { targetLoss: 0.1 }, evaluation: { metric: "loss" } };
      expect(wrong(named({ weights }, loss))).toEqual(["stop.targetLoss"]);
    });

    it("refuses what the evaluator would do, and leaves the rest of evaluation", () => {
      const evaluation = { metric: "f1", metrics: ["auc"], data: "x", every: 2, batchSize: 8, central: true };
      const central = ["batchSize", "central", "data", "every", "metrics"];
      expect(wrong(named({ weights: { upload } }, { evaluation })).toSorted()).toEqual(
        central.map((name) => `evaluation.${name}`),
      );
      const rest = { evaluation: { metric: "f1", central: false } };
      expect(wrongOrNone(named({ weights: { upload } }, rest))).toEqual([]);
    });

    it("takes targets and metrics where clients score", () => {
      const rest = {
        evaluation: { metrics: ["auc"], batchSize: 8, federated: {} },
        stop: { targetAccuracy: 0.9 },
      };
      const spec = RunSpec.parse(named({ weights: { upload } }, rest));
      expect(scoredBy(spec)).toBe("federated");
      expect(wrong(named({ weights: { upload } }, { evaluation: { federated: {}, every: 2 } }))).toEqual([
        "evaluation.every",
      ]);
    });

    it("takes every aggregation, encoding and layer of one's own", () => {
      for (const strategy of ["fedavg", "fedadam", "median", "geometric-median"]) {
        const rest = {
          ...{ aggregation: { strategy }, encoding: "int8", training: { local: ["head.*"] } },
          round: { minUpdates: 3 },
        };
        expect(wrongOrNone(named({ weights: { upload } }, rest)), strategy).toEqual([]);
      }
    });
  });

  it.each([null, [], "spec", 7])("refuses %j", (spec) => {
    expect(wrong(spec)).toEqual([""]);
  });
});

describe("StoredRunSpec", () => {
  it("is the spec with the model's place instead of the model", () => {
    const spec = RunSpec.parse(documented);
    const stored = { ...spec, model: { object: "runs/x/model.json" } };
    expect(StoredRunSpec.parse(stored)).toEqual(stored);
    const named = {
      parameters: "runs/x/model.source.json",
      weights: { object: "uploads/y-1.safetensors", partial: false },
    };
    expect(StoredRunSpec.parse({ ...spec, model: named }).model).toEqual(named);
    const layers = { model_config: { class_name: "Sequential" } };
    expect(StoredRunSpec.safeParse({ ...spec, model: { layers } }).success).toBe(false);
  });

  it("stays readable when a built-in model is withdrawn", () => {
    const spec = { ...RunSpec.parse(documented), model: { builtin: "withdrawn" } };
    expect(StoredRunSpec.safeParse(spec).success).toBe(true);
  });
});

describe("StopSpec", () => {
  it("has a number of rounds always: a run that advances by itself ends", () => {
    expect(StopSpec.parse({})).toEqual({ rounds: 10 });
    expect(StopSpec.parse({ targetAccuracy: 0.9 }).rounds).toBe(10);
  });
});

/** A copy with one value at a dotted path changed. */
function set(value: object, path: string, to: unknown): object {
  const [first = "", ...rest] = path.split(".");
  const inner: unknown = Object.entries(value).find(([key]) => key === first)?.[1];
  const object = typeof inner === "object" && inner !== null ? inner : {};
  return { ...value, [first]: rest.length === 0 ? to : set(object, rest.join("."), to) };
}

describe("round.buffer", () => {
  const buffered = (parts: Record<string, Record<string, unknown>> = {}) => ({
    ...least,
    ...parts,
    selection: { ...least.selection, ...parts["selection"] },
    round: { buffer: { size: 8 }, ...parts["round"] },
  });

  it("takes no more updates than there are clients at work, and staleness without a bound", () => {
    expect(wrong({ ...buffered(), round: { buffer: { size: 9 } } })).toEqual(["round.buffer.size"]);
    expect(wrongOrNone(buffered())).toEqual([]);
    const staleness = (maxRounds: number) => ({ staleness: { weight: "polynomial", maxRounds } });
    expect(wrongOrNone(buffered({ aggregation: staleness(9_999) }))).toEqual([]);
    expect(wrongOrNone({ ...least, aggregation: staleness(50) })).toEqual([]);
    expect(wrong({ ...least, aggregation: staleness(51) })).toEqual(["aggregation.staleness.maxRounds"]);
  });

  it.each<[path: string, parts: Record<string, Record<string, unknown>>]>([
    ["round.minUpdates", { round: { buffer: { size: 2 }, minUpdates: 3 } }],
    ["round.quorum", { round: { quorum: 0.9 } }],
    ["selection.overSelect", { selection: { overSelect: 0.1 } }],
    ["round.deadline", { round: { deadline: { kind: "adaptive" } } }],
    ["round.prewarm", { round: { prewarm: {} } }],
    ["selection.paperFaithful", { selection: { strategy: "fedlesscan", paperFaithful: true } }],
    ["evaluation.federated", { evaluation: { federated: {} } }],
    ["aggregation.late", { round: { minUpdates: 3 }, aggregation: { strategy: "median" } }],
  ])("refuses %s, which has no meaning there", (path, parts) => {
    expect(wrong(buffered(parts))).toEqual([path]);
  });
});

describe("round.relay", () => {
  const relayed = (parts: Record<string, Record<string, unknown>> = {}) => ({
    ...least,
    ...parts,
    selection: { ...least.selection, ...parts["selection"] },
    round: { relay: { strategy: "chain" }, ...parts["round"] },
  });

  it("has groups of five where nothing is said", () => {
    expect(wrongOrNone(relayed())).toEqual([]);
    expect(RunSpec.parse(relayed()).round.relay).toEqual({ strategy: "chain", groupSize: 5 });
  });

  it.each<[path: string, parts: Record<string, Record<string, unknown>>]>([
    ["round.buffer", { round: { buffer: { size: 2 } } }],
    ["round.quorum", { round: { quorum: 0.9 } }],
    ["round.deadline", { round: { deadline: { kind: "adaptive" } } }],
    ["round.prewarm", { round: { prewarm: {} } }],
    ["selection.overSelect", { selection: { overSelect: 0.1 } }],
    ["selection.paperFaithful", { selection: { strategy: "fedlesscan", paperFaithful: true } }],
    ["training.method", { training: { method: "client-momentum" } }],
    ["training.method", { training: { method: "admm" } }],
    ["training.local", { training: { local: ["output"] } }],
  ])("refuses %s, which does not go with it", (path, parts) => {
    expect(wrong(relayed(parts))).toEqual([path]);
  });

  it("names all that does not go with it at once", () => {
    const parts = { round: { quorum: 0.5, prewarm: {} }, selection: { overSelect: 0.5 } };
    expect(wrong(relayed(parts)).toSorted()).toEqual([
      "round.prewarm",
      "round.quorum",
      "selection.overSelect",
    ]);
  });
});

describe("the rules of methods", () => {
  it.each([
    [{ aggregation: { strategy: "adasgd", usualStaleness: 0 } }, /^aggregation\.usualStaleness: /],
    [{ aggregation: { strategy: "multi-krum", maxMalicious: -1 } }, /^aggregation\.maxMalicious: /],
    [{ aggregation: { strategy: "fedat", tiers: 1 } }, /^aggregation\.tiers: /],
  ])("look at sound options only: %j", (parts, issue) => {
    expect(specIssues(parts)).toEqual([expect.stringMatching(issue)]);
  });

  it("and beside what is wrong in one method's options stands what is wrong elsewhere", () => {
    const found = specIssues({
      aggregation: { strategy: "multi-krum", maxMalicious: -1 },
      round: { minUpdates: 9 },
    });
    expect(found.map((issue) => issue.split(":")[0])).toEqual([
      "aggregation.maxMalicious",
      "round.minUpdates",
    ]);
  });
});
