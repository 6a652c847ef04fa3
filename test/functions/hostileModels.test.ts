// Models that no run can be prepared with, against the real evaluator and TensorFlow: each run fails, with a
// reason and what to do where an operator looks, and none is tried for ever.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadTrainer } from "../../shared/cloud/tensors/loadTrainer.ts";
import { FlError } from "../../shared/core/errors.ts";
import { refs } from "../../shared/core/ports/store.ts";
import type { Trainer } from "../../shared/core/ports/trainer.ts";
import { modelObject, topologyObject } from "../../shared/core/round/objects.ts";
import type { Run } from "../../shared/core/schemas/run.ts";
import { startTestCloud, type TestCloud } from "../support/cloud.ts";
import { eventually } from "../support/scriptedClient.ts";

let cloud: TestCloud;
let real: Trainer;
/** What the evaluator loads; a test may break it. */
let load: () => Promise<Trainer>;

beforeAll(async () => {
  real = await loadTrainer({ kind: "tensorflow", prefer: "auto" });
  load = async () => real;
  cloud = await startTestCloud({
    trainer: () => load(),
    evaluationData: () => Promise.reject(new FlError("failed-precondition", "not here")),
  });
}, 60_000);

afterAll(() => cloud.stop());

function post(model: object) {
  return cloud.call("POST", "/v1/runs", {
    name: "Hostile",
    model,
    training: { loss: "meanSquaredError" },
    selection: { strategy: "random", cohortSize: 1 },
  });
}

async function create(model: object): Promise<string> {
  const { status, body } = await post(model);
  expect(status, JSON.stringify(body)).toBe(201);
  return body.runId;
}

function settled(runId: string): Promise<Run> {
  return eventually("the run being prepared or failed", async () => {
    const run = await cloud.store.get(refs.run(runId));
    return run === null || run.status === "preparing" ? null : run;
  });
}

const layer = (className: string, config: object) => ({ class_name: className, config });
const first = { batch_input_shape: [null, 4] };
const dense = (name: string, units: number, more: object = {}) => layer("Dense", { name, units, ...more });
const sequential = (layers: readonly object[]) => ({
  layers: { model_config: { class_name: "Sequential", config: { name: "m", layers } } },
});
const many = (count: number, nameLength: number) =>
  sequential(
    Array.from({ length: count }, (_, i) =>
      dense(`${"n".repeat(nameLength)}${i}`, 1, i === 0 ? { batch_input_shape: [null, 1] } : {}),
    ),
  );

test.each<[string, object, RegExp]>([
  ["without layers", sequential([]), /has no layers/],
  ["that is a list", { layers: { model_config: { class_name: "Sequential", config: 7 } } }, /./],
  ["of no known class", { layers: { model_config: { class_name: "Riddle", config: {} } } }, /Riddle|layers/],
  ["with an unknown layer", sequential([layer("Teleport", { name: "x" })]), /Teleport/],
  ["with a layer without a config", sequential([{ class_name: "Dense" }]), /has no config/],
  ["with invalid layers", sequential([7, "Dense", null].map((entry) => Object(entry))), /a layer/],
  ["with a name twice", sequential([dense("a", 2, first), dense("a", 2)]), /several layers of this name/],
  [
    "with nothing to train",
    sequential([layer("Flatten", { name: "f", ...first })]),
    /no parameters to train/,
  ],
  [
    "with an unknown initializer",
    sequential([dense("a", 2, { ...first, kernel_initializer: "Magic" })]),
    /Magic|initializer/,
  ],
  [
    "of very many layers that learn nothing",
    sequential([
      dense("a", 2, first),
      ...Array.from({ length: 2_000 }, (_, i) => layer("Activation", { name: `l${i}`, activation: "relu" })),
    ]),
    /too large: it has 2001 layers, and at most 2000 are built/,
  ],
  [
    "of more values than can be counted",
    sequential([dense("a", 2 ** 40, { batch_input_shape: [null, 2 ** 40] })]),
    /too many elements/,
  ],
  [
    "whose parameters a document could not name",
    many(1_100, 400),
    /too large: the names and shapes of its 2200 parameters take \d+ bytes.*fewer layers or shorter names/,
  ],
  ["without an input", sequential([dense("a", 3)]), /layer "a" \(Dense\): it begins the model/],
  ["with no units", sequential([dense("a", 0, first)]), /units must be a whole number from 1/],
  ["with less than no units", sequential([dense("a", -3, first)]), /units must be a whole number from 1/],
  ["with half a unit", sequential([dense("a", 1.5, first)]), /units must be a whole number from 1/],
])("a model is refused when its run is created: %s", async (_, model, reason) => {
  const { status, body } = await post(model);
  expect(status).toBe(400);
  expect(body.error.message).toMatch(reason);
});

describe("a model that cannot be used fails its run with the reason", () => {
  test.each<[string, object, RegExp]>([
    ["with a name of 600 characters", sequential([dense("n".repeat(600), 2, first)]), /parameters\.0\.name/],
    [
      "of ten thousand million parameters",
      sequential([dense("a", 100_000, { batch_input_shape: [null, 100_000] })]),
      /too large: it has 10000100000 parameters, which take \d+ MiB .* more memory or use a smaller model/,
    ],
    [
      "whose recurrent layer asks for all the memory there is",
      sequential([layer("LSTM", { name: "r", units: 60_000, batch_input_shape: [null, 5, 4] })]),
      /too large: it has more than \d+ parameters, of which layer \S+ brings \S+ of shape \[60000, 240000\]/,
    ],
    [
      "whose cell does, wrapped",
      sequential([
        layer("Bidirectional", {
          name: "b",
          layer: layer("GRU", { name: "r", units: 60_000, reset_after: false }),
          batch_input_shape: [null, 5, 4],
        }),
      ]),
      /too large: it has more than \d+ parameters/,
    ],
    [
      "whose dictionary does",
      sequential([
        layer("Embedding", { name: "e", input_dim: 2e9, output_dim: 8, batch_input_shape: [null, 5] }),
      ]),
      /too large: it has more than \d+ parameters/,
    ],
    [
      "that is large behind a layer of another kind",
      sequential([
        layer("BatchNormalization", { name: "n", batch_input_shape: [null, 50_000] }),
        dense("a", 50_000),
      ]),
      /too large: it has more than \d+ parameters/,
    ],
    [
      "that is a graph",
      {
        layers: {
          model_config: {
            class_name: "Model",
            config: {
              name: "m",
              layers: [
                {
                  ...layer("InputLayer", { name: "i", batch_input_shape: [null, 90_000] }),
                  name: "i",
                  inbound_nodes: [],
                },
                { ...dense("d", 90_000), name: "d", inbound_nodes: [[["i", 0, 0, {}]]] },
              ],
              input_layers: [["i", 0, 0]],
              output_layers: [["d", 0, 0]],
            },
          },
        },
      },
      /too large: it has more than \d+ parameters/,
    ],
  ])("%s", async (_, model, reason) => {
    const runId = await create(model);
    const run = await settled(runId);
    expect(run).toMatchObject({ status: "failed", model: null, modelVersion: null });
    expect(run.statusReason).toMatch(reason);
    expect(run.statusReason?.length).toBeLessThanOrEqual(2_000);
    expect(run.statusReason).not.toMatch(/\/node_modules\/|\.ts:\d|at \w+ \(/);
    expect(await cloud.objects.stat(modelObject(runId, 0)), "no weights are left").toBeNull();
    const started = await cloud.call("POST", `/v1/runs/${runId}/start`);
    expect(started.status).toBe(409);
    expect(started.body.error.message).toContain("failed");
  });

  /** A run whose topology is meddled with before it can be prepared. */
  async function meddled(meddle: (object: string) => Promise<unknown>): Promise<Run> {
    const meddling = Promise.withResolvers<void>();
    // The first try has read the topology as it was; it ends once that is another one.
    load = async () => {
      await meddling.promise;
      load = async () => real;
      throw new FlError("unavailable", "Wait.");
    };
    const runId = await create(sequential([dense("a", 2, first)]));
    await meddle(topologyObject(runId));
    meddling.resolve();
    return settled(runId);
  }

  test.each(["<html>", "[]", '{"model_config":7}', "\u0000", ""])(
    "its topology replaced by %j",
    async (content) => {
      const run = await meddled((object) => cloud.objects.write(object, new TextEncoder().encode(content)));
      expect(run.status).toBe("failed");
      expect(run.statusReason).toMatch(/cannot be read: .*Create the run anew/);
    },
  );

  test("its topology gone", async () => {
    const run = await meddled((object) => cloud.objects.remove(object));
    expect(run.status).toBe("failed");
    expect(run.statusReason).toContain("no such object");
  });
});

describe("what keeps a run from being prepared", () => {
  test("for good fails it, whatever its code", async () => {
    load = () => Promise.reject(new FlError("failed-precondition", "The native backend does not load."));
    const run = await settled(await create({ builtin: "tiny-mlp" }));
    expect(run).toMatchObject({ status: "failed", statusReason: "The native backend does not load." });
  });

  test("for a moment is tried again", async () => {
    let tries = 0;
    load = () => {
      tries += 1;
      return tries < 3 ? Promise.reject(new FlError("unavailable", "Not yet.")) : Promise.resolve(real);
    };
    expect(await settled(await create({ builtin: "tiny-mlp" }))).toMatchObject({ status: "ready" });
    expect(tries).toBe(3);
  });

  test("is in the log, without an error of ours", () => {
    expect(cloud.logs.filter(({ message }) => message === "run cannot be prepared").length).toBeGreaterThan(
      10,
    );
    expect(cloud.logs.filter(({ message }) => message === "task failed")).toEqual([]);
  });
});
