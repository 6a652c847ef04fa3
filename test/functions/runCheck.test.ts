// POST /v1/runs/check: everything that is wrong with a spec at once, what is known of its model and its
// clients, nothing written; and the same refusals where a run is created.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as z from "zod";
import { refs } from "../../shared/core/ports/store.ts";
import { RunSpec } from "../../shared/core/schemas/spec.ts";
import { encodeSafetensors, floatTensor } from "../../shared/core/updates/safetensors.ts";
import { buildChecks, buildFacts } from "../support/builders.ts";
import { startTestCloud, type TestCloud } from "../support/cloud.ts";
import { describer } from "../support/describer.ts";
import { hostileDocuments } from "../support/hostileValues.ts";
import { accountOf } from "../support/scriptedClient.ts";

const MEMORY_MIB = 256;

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await startTestCloud({
    trainer: async () => describer,
    evaluationData: () => Promise.reject(new Error("nothing is scored here")),
    memories: { AGGREGATOR_MEMORY_MIB: MEMORY_MIB, EVALUATOR_MEMORY_MIB: 2 * MEMORY_MIB },
  });
  for (const [clientId, more] of [
    ["north", { labels: { site: "a" }, dataCard: { samples: 100 } }],
    ["south", { labels: { site: "a" }, capacity: { memoryMib: 4_096, timeoutSeconds: 60 } }],
    ["small", { labels: { site: "b" }, capacity: { memoryMib: 128 } }],
  ] as const) {
    const body = { clientId, url: "http://127.0.0.1:9", serviceAccount: accountOf(clientId), ...more };
    expect((await cloud.call("POST", "/v1/clients", body)).status).toBe(201);
  }
});
afterAll(() => cloud.stop());

const SPEC = {
  name: "checked",
  model: { builtin: "tiny-mlp" },
  training: { localEpochs: 2, batchSize: 50 },
  selection: { strategy: "random", cohortSize: 2, clients: { labels: { site: "a" } } },
  stop: { rounds: 5 },
};
const check = async (spec: unknown) => {
  const { status, body } = await cloud.call("POST", "/v1/runs/check", spec);
  expect(status, JSON.stringify(body)).toBe(200);
  return body;
};
const create = (spec: unknown) => cloud.call("POST", "/v1/runs", spec);
const dense = (inputs: number, units: number) => ({
  inputShape: [inputs],
  layers: [{ type: "Dense", units, activation: "softmax" }],
});

describe("a sound spec", () => {
  test("has no problems, and its model, memory and clients", async () => {
    const { problems, warnings, later, model, memory, clients } = await check(SPEC);
    expect([problems, warnings]).toEqual([[], []]);
    expect(later).toEqual([
      { path: "evaluation.data", message: expect.stringContaining("only the evaluator may read it") },
    ]);
    expect(model).toEqual({
      parameters: [
        { name: "hidden/kernel", shape: [4, 8] },
        { name: "hidden/bias", shape: [8] },
        { name: "output/kernel", shape: [8, 3] },
        { name: "output/bias", shape: [3] },
      ],
      parameterCount: 67,
      sizeBytes: 268,
      layers: 2,
    });
    expect(memory).toEqual([
      { function: "aggregator", neededMib: 1, availableMib: 256, ok: true },
      { function: "evaluator", neededMib: 1, availableMib: 512, ok: true },
      { function: "client", neededMib: 1, availableMib: 4_096, ok: true },
    ]);
    expect(clients).toEqual({ registered: 3, matching: 2, lookedAt: 2, checked: 0, cannot: 0 });
  });

  test("writes nothing", async () => {
    await check(SPEC);
    expect((await cloud.store.listRuns({ limit: 10 })).items).toEqual([]);
    expect((await cloud.objects.list("")).objects).toEqual([]);
  });

  test("counts the clients whose checks say how long a step takes", async () => {
    const put = (clientId: string, stepMs: number, samples: number) =>
      cloud.store.transact("ask-check", async (transaction) => {
        const checks = buildChecks({ clientId, facts: buildFacts({ stepMs, samples, dataMs: 100 }) });
        transaction.set(refs.checks(clientId), { ...checks, clientId });
      });
    await put("north", 50, 100);
    await put("south", 100, 200);
    const { clients } = await check(SPEC);
    expect(clients.checked).toBe(2);
  });

  test("is warned of clients that are too few", async () => {
    const { problems, warnings } = await check({
      ...SPEC,
      selection: { ...SPEC.selection, cohortSize: 9 },
      round: { minUpdates: 3 },
    });
    expect(problems).toEqual([]);
    expect(warnings).toEqual([
      {
        path: "selection.clients",
        message:
          "2 clients with the label site=a are registered, and a round needs 3 at the least: register more before it starts",
      },
    ]);
  });
});

describe("what is wrong is told all at once", () => {
  const wrong = {
    name: "",
    model: {
      layers: {
        class_name: "Sequential",
        config: {
          layers: [
            { class_name: "Teleport", config: { name: "t" } },
            { class_name: "Dense", config: { name: "d", units: 3, activation: "relu" } },
          ],
        },
      },
    },
    training: { batchSize: -1, loss: "meanSquaredError" },
    selection: { strategy: "random", cohortSize: 2 },
    round: { minUpdates: 3 },
    aggregation: { strategy: "multi-krum", maxMalicious: 5 },
    stop: { targetAccuracy: 7 },
    colour: "blue",
  };

  test("of the schema, of parts with each other, and of the model", async () => {
    const { problems, model } = await check(wrong);
    const paths = problems.map(({ path }: { path: string }) => path);
    expect(paths).toEqual(
      expect.arrayContaining([
        "name",
        "training.batchSize",
        "stop.targetAccuracy",
        "colour",
        "round.minUpdates",
        "model.layers",
      ]),
    );
    expect(problems.find(({ path }: { path: string }) => path === "model.layers").message).toContain(
      "Teleport",
    );
    expect(model).toBeNull();
  });

  test("a part that cannot be read hides nothing of the others, and brings no problems that it has not", async () => {
    const broken = await check({
      ...SPEC,
      model: { builtin: "none" },
      selection: { strategy: "none" },
      round: 7,
    });
    const heads = new Set(broken.problems.map(({ path }: { path: string }) => path.split(".")[0]));
    expect([...heads].toSorted()).toEqual(["model", "round", "selection"]);
    expect(broken.clients).toBeNull();
    const nameless = await check({ ...SPEC, name: undefined });
    expect(nameless.problems.map(({ path }: { path: string }) => path)).toEqual(["name"]);
    expect(nameless.model.parameterCount).toBe(67);
  });

  test.each<[string, unknown]>([
    ["nothing", {}],
    ["words of every object", { constructor: {}, toString: 2, hasOwnProperty: null }],
    ["the wrong kinds", { name: 1, model: 2, selection: 3, training: 4 }],
  ])("of %s as well", async (_, spec) => {
    const { problems } = await check(spec);
    expect(problems.length).toBeGreaterThan(0);
  });

  test("whatever is written anywhere: no fault of ours, and sound only what the schema takes", async () => {
    const schema = z.toJSONSchema(RunSpec, { io: "input" });
    const all = hostileDocuments(schema, { ...SPEC, round: { minUpdates: 1 }, encoding: "f32", seed: 1 });
    expect(all.length).toBeGreaterThan(300);
    for (let start = 0; start < all.length; start += 16) {
      await Promise.all(
        all.slice(start, start + 16).map(async ({ what, document }) => {
          const { status, body } = await cloud.call("POST", "/v1/runs/check", document);
          expect([200, 400], `${what}: ${JSON.stringify(body)}`).toContain(status);
          if (status === 200 && body.problems.length === 0) {
            expect(RunSpec.safeParse(document).success, what).toBe(true);
          }
        }),
      );
    }
    expect(cloud.logs.filter(({ severity }) => severity === "error")).toEqual([]);
  }, 120_000);

  test("what is no object is refused as such", async () => {
    expect((await cloud.call("POST", "/v1/runs/check", "[1]")).status).toBe(400);
  });
});

describe("a run is refused for the same", () => {
  const large = { ...SPEC, model: dense(6_000, 3_000) };
  const clientLarge = {
    ...SPEC,
    model: dense(4_000, 3_000),
    training: { optimizer: { name: "adam" } },
    selection: { strategy: "random", cohortSize: 1, clients: { labels: { site: "b" } } },
  };
  const cases: [string, object, string, RegExp][] = [
    [
      "a model too large for the aggregator",
      large,
      "model.layers",
      /18003000 parameters, which take 275 MiB to work on, and there are 256; give/,
    ],
    [
      "a model too large for every client",
      clientLarge,
      "model.layers",
      /training it takes 275 MiB at the least, and the largest .* has 128/,
    ],
    [
      "a model that its loss does not fit",
      { ...SPEC, model: { inputShape: [2], layers: [{ type: "Dense", units: 2 }] } },
      "model.layers",
      /needs probabilities/,
    ],
    [
      "layers that are none of the model's",
      { ...SPEC, training: { local: ["nothing*"] } },
      "training.local",
      /names no layer/,
    ],
    [
      "an upload that is not there",
      { ...SPEC, model: { builtin: "tiny-mlp", weights: { upload: "0".repeat(16) } } },
      "model.weights.upload",
      /nothing was uploaded/,
    ],
    [
      "methods that do not go together",
      { ...SPEC, aggregation: { strategy: "multi-krum", maxMalicious: 5 } },
      "round.minUpdates",
      /multi-krum/,
    ],
  ];

  test.each(cases)("%s", async (_, spec, path, message) => {
    const { problems } = await check(spec);
    expect(problems).toEqual(expect.arrayContaining([{ path, message: expect.stringMatching(message) }]));
    const refused = await create(spec);
    expect(refused.status).toBe(400);
    expect(refused.body.error.problems).toEqual(problems);
  });

  test("and made where there is no problem", async () => {
    expect((await check(SPEC)).problems).toEqual([]);
    expect((await create(SPEC)).status).toBe(201);
  });

  test("a model of parameters alone has its size from the file", async () => {
    const file = encodeSafetensors([floatTensor("w", [10, 3], new Float32Array(30))]);
    const { body } = await cloud.call("POST", "/v1/uploads", { sizeBytes: file.byteLength });
    await fetch(body.url, { method: "PUT", headers: body.headers, body: new Uint8Array(file) });
    const model = { weights: { upload: body.uploadId } };
    const checked = await check({ ...SPEC, model });
    expect(checked.problems).toEqual([]);
    expect(checked.model).toMatchObject({ parameterCount: 30, sizeBytes: 120, layers: null });
    const other = { ...model, parameters: [{ name: "w", shape: [10, 4] }] };
    expect((await check({ ...SPEC, model: other })).problems[0].path).toBe("model.parameters.0.shape");
  });
});
