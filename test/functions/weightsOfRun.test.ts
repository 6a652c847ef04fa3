// A run that begins with a version of another run: which one is settled when it is created, and what becomes
// of the other run later is nothing to it.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadTrainer } from "../../shared/cloud/tensors/loadTrainer.ts";
import { FlError } from "../../shared/core/errors.ts";
import { refs } from "../../shared/core/ports/store.ts";
import { modelObject } from "../../shared/core/round/objects.ts";
import type { Run } from "../../shared/core/schemas/run.ts";
import {
  decodeSafetensors,
  encodeSafetensors,
  floatTensor,
  type Tensor,
} from "../../shared/core/updates/safetensors.ts";
import { startTestCloud, type TestCloud } from "../support/cloud.ts";
import { contribute, eventually, registerClients } from "../support/scriptedClient.ts";

let cloud: TestCloud;

beforeAll(async () => {
  const trainer = await loadTrainer({ kind: "test", prefer: "auto" });
  cloud = await startTestCloud({
    trainer: async () => trainer,
    evaluationData: () => Promise.reject(new FlError("failed-precondition", "not here")),
  });
  await registerClients(cloud, ["clinic"]);
}, 60_000);
afterAll(() => cloud.stop());

const create = (model: object, rest: object = {}) =>
  cloud.call("POST", "/v1/runs", {
    name: "begun",
    model,
    selection: { strategy: "random", cohortSize: 1 },
    aggregation: { norm: { action: "none" } },
    ...rest,
  });

async function prepared(model: object, rest?: object): Promise<Run> {
  const { status, body } = await create(model, rest);
  expect(status, JSON.stringify(body)).toBe(201);
  return settled(body.runId);
}

const settled = (runId: string): Promise<Run> =>
  eventually("the run being prepared", async () => {
    const run = await cloud.store.get(refs.run(runId));
    return run === null || run.status === "preparing" ? null : run;
  });

/** Plays one round in which every value grows by so much. */
async function round(runId: string, number: number, value: number): Promise<void> {
  expect((await cloud.call("POST", `/v1/runs/${runId}/rounds`)).status).toBe(202);
  await eventually("the round", () => cloud.store.get(refs.round(runId, number)));
  await contribute(cloud, { runId, round: number, clientId: "clinic" }, { value, samples: 1 });
  await eventually("its end", async () => {
    const [closed, run] = await Promise.all([
      cloud.store.get(refs.round(runId, number)),
      cloud.store.get(refs.run(runId)),
    ]);
    return closed?.followedUp === true && run?.openRound === null ? true : null;
  });
}

async function valuesOf(
  runId: string,
  version: number,
): Promise<Readonly<Record<string, readonly number[]>>> {
  const { tensors } = decodeSafetensors(await cloud.objects.read(modelObject(runId, version)));
  return Object.fromEntries(
    tensors.map(({ name, data }) => [name, [...new Float32Array(data.slice().buffer)]]),
  );
}

async function upload(...tensors: Tensor[]): Promise<string> {
  const file = encodeSafetensors(tensors);
  const { body } = await cloud.call("POST", "/v1/uploads", { sizeBytes: file.byteLength });
  expect((await fetch(body.url, { method: "PUT", headers: body.headers, body: file })).status).toBe(200);
  return body.uploadId;
}

async function change(runId: string, how: Partial<Run>): Promise<void> {
  await cloud.store.transact("record-score", async (transaction) => {
    const run = await transaction.get(refs.run(runId));
    if (run !== null) transaction.set(refs.run(runId), { ...run, ...how });
  });
}

async function removeFile(runId: string, version: number): Promise<void> {
  await cloud.objects.remove(modelObject(runId, version));
}

/** Everything that is wrong with a spec, which the check of it says as well. */
async function problemsOf(model: object): Promise<readonly { path: string; message: string }[]> {
  const { status, body } = await create(model);
  expect(status, JSON.stringify(body)).toBe(400);
  const check = await cloud.call("POST", "/v1/runs/check", {
    name: "begun",
    model,
    selection: { strategy: "random", cohortSize: 1 },
  });
  expect(check.body.problems).toEqual(body.error.problems);
  return body.error.problems;
}

describe("a version of another run", () => {
  test("is version 0, the latest where none is named, and stays the one that it was", async () => {
    const source = await prepared({ builtin: "tiny-mlp" });
    await round(source.runId, 1, 0.25);
    const run = await prepared({ builtin: "tiny-mlp", weights: { run: source.runId } });
    const pinned = {
      builtin: "tiny-mlp",
      weights: {
        object: modelObject(source.runId, 1),
        partial: false,
        from: { runId: source.runId, version: 1 },
      },
    };
    expect(run).toMatchObject({ status: "ready", modelVersion: 0, spec: { model: pinned } });
    const begun = await valuesOf(run.runId, 0);
    expect(begun).toEqual(await valuesOf(source.runId, 1));

    // A later version changes nothing; nor does the end of the source, of its documents as of its files.
    await round(source.runId, 2, 0.5);
    expect((await cloud.store.get(refs.run(run.runId)))?.spec.model).toEqual(pinned);
    for (const version of [0, 1, 2]) await removeFile(source.runId, version);
    await round(run.runId, 1, 1);
    const [first] = Object.entries(await valuesOf(run.runId, 1));
    const [name = "", values = []] = first ?? [];
    expect(values).toEqual(begun[name]?.map((value) => Math.fround(value + 1)));
    const again = await cloud.callAs(
      `task-invoker@${cloud.projectId}.iam.gserviceaccount.com`,
      cloud.urls.evaluator,
      "/prepare",
      { runId: run.runId },
    );
    expect(again.status).toBe(200);
    expect(await valuesOf(run.runId, 0)).toEqual(begun);
  });

  test("is one that is named by its number, or by being the best", async () => {
    const source = await prepared({ builtin: "tiny-mlp" });
    await round(source.runId, 1, 0.25);
    await round(source.runId, 2, 0.25);
    await change(source.runId, { best: { version: 1, accuracy: 0.9, loss: 0.1, round: 1 } });
    for (const [version, number] of [
      [0, 0],
      [2, 2],
      ["best", 1],
    ]) {
      const run = await prepared({ builtin: "tiny-mlp", weights: { run: source.runId, version } });
      expect(await valuesOf(run.runId, 0), String(version)).toEqual(
        await valuesOf(source.runId, Number(number)),
      );
    }
  });

  test("may lack layers of the new model where that is said", async () => {
    const source = await prepared({ builtin: "tiny-mlp" });
    const wider = {
      inputShape: [4],
      layers: [
        { type: "Dense", units: 8, activation: "relu", name: "hidden" },
        { type: "Dense", units: 5, activation: "softmax", name: "head" },
      ],
    };
    const run = await prepared({ ...wider, weights: { run: source.runId, partial: true } });
    const [values, old] = [await valuesOf(run.runId, 0), await valuesOf(source.runId, 0)];
    expect(values["hidden/kernel"]).toEqual(old["hidden/kernel"]);
    expect(values["head/kernel"]).toHaveLength(40);
    expect(await problemsOf({ ...wider, weights: { run: source.runId } })).toEqual([
      {
        path: "model.weights.run",
        message:
          'the file does not fit the model: it lacks "head/kernel", "head/bias", to be drawn from the seed with "partial": true',
      },
      {
        path: "model.weights.run",
        message: 'the file does not fit the model: the model has no "output/bias", "output/kernel"',
      },
    ]);
  });
});

describe("a version of parameters alone", () => {
  const weight = floatTensor("fc.weight", [2, 2], Float32Array.of(1, 2, 3, 4));
  const bias = floatTensor("fc.bias", [1], Float32Array.of(5));
  const mean = floatTensor("mean", [1], Float32Array.of(7));
  const parameters = [
    { name: "mean", shape: [1], role: "statistic", min: 0 },
    { name: "fc.weight", shape: [2, 2] },
    { name: "fc.bias", shape: [1] },
  ];

  test("brings the parameters of its run, with their roles and in their order", async () => {
    const source = await prepared(
      { parameters, weights: { upload: await upload(weight, bias, mean) } },
      { training: { local: ["fc.b*"] } },
    );
    const run = await prepared({ weights: { run: source.runId, version: 0 } });
    expect(run).toMatchObject({
      status: "ready",
      spec: { model: { weights: { from: { runId: source.runId, version: 0 } } } },
    });
    // Which ones clients keep for themselves is for each run to say.
    expect(run.model?.parameters).toEqual(parameters);
    expect(await valuesOf(run.runId, 0)).toEqual({
      ...{ mean: [7], "fc.bias": [5], "fc.weight": [1, 2, 3, 4] },
    });
  });

  test("is of other parameters where they are named: of a run with layers, too", async () => {
    const source = await prepared({ builtin: "tiny-mlp" });
    const { parameters: known = [] } = source.model ?? {};
    const frozen = known.map(({ name, shape }, i) => ({
      name,
      shape,
      ...(i === 0 ? { role: "frozen" } : {}),
    }));
    const run = await prepared({ parameters: frozen, weights: { run: source.runId } });
    expect(run.model?.parameters).toEqual(frozen);
    const plain = await prepared({ weights: { run: source.runId } });
    expect(plain.model?.parameters).toEqual(known);
    expect(await problemsOf({ parameters, weights: { run: source.runId } })).toEqual([
      { path: "model.weights.run", message: 'the file lacks "mean", "fc.weight", "fc.bias"' },
      { path: "model.weights.run", message: expect.stringMatching(/^the file holds "hidden\/bias"/) },
    ]);
    const turned = [...frozen.slice(0, -1), { name: "output/bias", shape: [1, 3] }];
    expect(await problemsOf({ parameters: turned, weights: { run: source.runId } })).toEqual([
      {
        path: "model.parameters.3.shape",
        message: '"output/bias" has the shape [3] in the file, and [1, 3] here',
      },
    ]);
  });
});

describe("what there is not", () => {
  test("is refused when the run is created", async () => {
    const source = await prepared({ builtin: "tiny-mlp" });
    const { runId } = source;
    const refused = (weights: object) => problemsOf({ builtin: "tiny-mlp", weights });
    const at = (path: string, message: string) => [{ path: `model.weights.${path}`, message }];
    expect(await refused({ run: "nobody-00000000" })).toEqual(at("run", "there is no run nobody-00000000"));
    expect(await refused({ run: runId, version: 3 })).toEqual(
      at("version", `run ${runId} has no model version 3: its latest is 0`),
    );
    expect(await refused({ run: runId, version: "best" })).toEqual(
      at("version", `run ${runId} has no best version: none of its versions is scored`),
    );
    const failed = await prepared({ weights: { upload: await upload(nan) } });
    expect(failed.status).toBe("failed");
    expect(await refused({ run: failed.runId })).toEqual(
      at("version", `run ${failed.runId} has no model version: its status is failed`),
    );
    await round(runId, 1, 1);
    await change(runId, { setBacks: [{ version: 1, round: 1, goodVersion: 0, reason: "its loss is NaN" }] });
    expect(await refused({ run: runId, version: 1 })).toEqual(
      at(
        "version",
        `run ${runId} cannot begin another one: version 1 of the model cannot be used: its loss is NaN`,
      ),
    );
    await removeFile(runId, 0);
    expect(await refused({ run: runId, version: 0 })).toEqual(
      at("version", `the file of version 0 of run ${runId} is gone`),
    );
  });

  test("is no longer needed where the same request is sent again", async () => {
    const source = await prepared({
      weights: { upload: await upload(floatTensor("w", [1], Float32Array.of(1))) },
    });
    const selection = { strategy: "random", cohortSize: 1 };
    const body = { name: "again", model: { weights: { run: source.runId } }, selection };
    const ask = () => cloud.call("POST", "/v1/runs", body, { "idempotency-key": "begun-again" });
    const first = await ask();
    expect(first.status, JSON.stringify(first.body)).toBe(201);
    await settled(first.body.runId);
    await removeFile(source.runId, 0);
    const again = await ask();
    expect([again.status, again.body.runId]).toEqual([201, first.body.runId]);
    const other = await cloud.call("POST", "/v1/runs", body, { "idempotency-key": "another" });
    expect(other.status).toBe(400);
  });

  const nan = floatTensor("w", [1], Float32Array.of(Number.NaN));

  test("fails the run where it is gone before the run is prepared", async () => {
    const source = await prepared({
      weights: { upload: await upload(floatTensor("w", [1], Float32Array.of(1))) },
    });
    const run = await prepared({ weights: { run: source.runId } });
    const prepare = async (how: Partial<Run>) => {
      await change(run.runId, { status: "preparing", statusReason: null, ...how });
      await cloud.callAs(
        `task-invoker@${cloud.projectId}.iam.gserviceaccount.com`,
        cloud.urls.evaluator,
        "/prepare",
        { runId: run.runId },
      );
      return settled(run.runId);
    };
    const model = { ...run.spec.model, weights: { object: "", partial: false } };
    const from = { runId: source.runId, version: 9 };
    const weights = { object: modelObject(source.runId, 9), partial: false, from };
    expect(
      await prepare({ spec: { ...run.spec, model: { ...model, weights } } as Run["spec"] }),
    ).toMatchObject({
      status: "failed",
      statusReason: `Version 9 of run ${source.runId}, which model.weights names, is gone: create the run anew with another.`,
    });
    const lost = {
      object: modelObject(source.runId, 0),
      partial: false,
      from: { runId: "lost", version: 0 },
    };
    expect(
      await prepare({ spec: { ...run.spec, model: { ...model, weights: lost } } as Run["spec"] }),
    ).toMatchObject({
      status: "failed",
      statusReason:
        "Run lost, which model.weights names, is gone: create the run anew, with model.parameters.",
    });
  });
});
