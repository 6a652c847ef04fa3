// A run that begins with somebody's weights: uploaded by a link, found by name, and refused with every
// reason.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadTrainer } from "../../shared/cloud/tensors/loadTrainer.ts";
import { FlError } from "../../shared/core/errors.ts";
import { refs } from "../../shared/core/ports/store.ts";
import { modelObject, uploadObject } from "../../shared/core/round/objects.ts";
import type { Run } from "../../shared/core/schemas/run.ts";
import {
  decodeSafetensors,
  encodeSafetensors,
  floatTensor,
  type Tensor,
} from "../../shared/core/updates/safetensors.ts";
import { startTestCloud, type TestCloud } from "../support/cloud.ts";
import { eventually } from "../support/scriptedClient.ts";

let cloud: TestCloud;

beforeAll(async () => {
  const trainer = await loadTrainer({ kind: "test", prefer: "auto" });
  cloud = await startTestCloud({
    trainer: async () => trainer,
    evaluationData: () => Promise.reject(new FlError("failed-precondition", "not here")),
  });
}, 60_000);
afterAll(() => cloud.stop());

const shapes: Readonly<Record<string, readonly number[]>> = {
  "hidden/kernel": [4, 8],
  "hidden/bias": [8],
  "output/kernel": [8, 3],
  "output/bias": [3],
};

const wave = (shape: readonly number[], phase: number) =>
  Float32Array.from({ length: shape.reduce((product, size) => product * size, 1) }, (_, k) =>
    Math.sin(k + phase),
  );

/** As Keras names them. */
function tensors(named = (name: string) => `sequential/${name}`): Tensor[] {
  return Object.entries(shapes).map(([name, shape], i) => floatTensor(named(name), shape, wave(shape, i)));
}

async function upload(file: Uint8Array): Promise<string> {
  const { status, body } = await cloud.call("POST", "/v1/uploads", { sizeBytes: file.byteLength });
  expect(status, JSON.stringify(body)).toBe(201);
  const put = await fetch(body.url, { method: "PUT", headers: body.headers, body: new Uint8Array(file) });
  expect(put.status).toBe(200);
  return body.uploadId;
}

const create = (weights: object, model: object = { builtin: "tiny-mlp" }) =>
  cloud.call("POST", "/v1/runs", {
    name: "fine",
    model: { ...model, weights },
    selection: { strategy: "random", cohortSize: 1 },
  });

async function settled(weights: object, model?: object): Promise<Run> {
  const { status, body } = await create(weights, model);
  expect(status, JSON.stringify(body)).toBe(201);
  return eventually("the run being prepared", async () => {
    const run = await cloud.store.get(refs.run(body.runId));
    return run === null || run.status === "preparing" ? null : run;
  });
}

async function versionZero(runId: string): Promise<ReadonlyMap<string, Float32Array>> {
  const { tensors: found } = decodeSafetensors(await cloud.objects.read(modelObject(runId, 0)));
  return new Map(found.map(({ name, data }) => [name, new Float32Array(data.slice().buffer)]));
}

describe("weights from a file", () => {
  test.each([
    ["as Keras names them", (name: string) => `sequential/${name}`],
    ["as a run names them", (name: string) => name],
  ])("are version 0: %s", async (_, named) => {
    const uploadId = await upload(encodeSafetensors(tensors(named).toReversed()));
    const run = await settled({ upload: uploadId });
    expect(run).toMatchObject({
      status: "ready",
      spec: { model: { builtin: "tiny-mlp", weights: { object: uploadObject(uploadId), partial: false } } },
    });
    const zero = await versionZero(run.runId);
    Object.entries(shapes).forEach(([name, shape], i) => {
      expect(zero.get(name), name).toEqual(wave(shape, i));
    });
  });

  test("of half the width, in a model of one's own, are version 0 of two runs", async () => {
    const halves = {
      name: "dense/bias",
      dtype: "F16",
      shape: [2],
      data: new Uint8Array([0, 0x3c, 0, 0xc0]),
    } as const;
    const doubles = {
      name: "dense/kernel",
      dtype: "F64",
      shape: [1, 2],
      data: new Uint8Array(Float64Array.of(0.1, -0.25).buffer),
    } as const;
    const uploadId = await upload(encodeSafetensors([halves, doubles]));
    const model = { inputShape: [1], layers: [{ type: "Dense", units: 2, activation: "softmax" }] };
    for (const run of [
      await settled({ upload: uploadId }, model),
      await settled({ upload: uploadId }, model),
    ]) {
      const zero = await versionZero(run.runId);
      expect(zero.get("dense/bias")).toEqual(Float32Array.of(1, -2));
      expect(zero.get("dense/kernel")).toEqual(Float32Array.of(0.1, -0.25));
    }
  });

  test("of some layers leave the others drawn from the seed", async () => {
    const some = [...tensors().slice(0, 2), floatTensor("old/head/kernel", [2], Float32Array.of(1, 2))];
    const uploadId = await upload(encodeSafetensors(some));
    const [run, plain] = [
      await settled({ upload: uploadId, partial: true }),
      await cloud.call("POST", "/v1/runs", {
        name: "drawn",
        model: { builtin: "tiny-mlp" },
        selection: { strategy: "random", cohortSize: 1 },
      }),
    ];
    await eventually("ready", async () =>
      (await cloud.store.get(refs.run(plain.body.runId)))?.status === "ready" ? true : null,
    );
    const [zero, drawn] = [await versionZero(run.runId), await versionZero(plain.body.runId)];
    expect(zero.get("hidden/bias")).toEqual(wave([8], 1));
    expect(zero.get("output/kernel")).toEqual(drawn.get("output/kernel"));
  });
});

describe("a file that does not fit", () => {
  test("is refused when the run is created, if it is none", async () => {
    const refused = async (weights: object) => {
      const { status, body } = await create(weights);
      expect(status).toBe(400);
      expect(body.error.problems.map(({ path }: { path: string }) => path)).toEqual(["model.weights.upload"]);
      return body.error.message;
    };
    expect(await refused({ upload: "0123456789abcdef" })).toMatch(/nothing was uploaded by this id/);
    expect(await refused({ upload: "../runs/x" })).toMatch(/use the uploadId/);
    const text = await upload(new TextEncoder().encode("PK\u0003\u0004 this is a .keras file, not weights"));
    expect(await refused({ upload: text })).toMatch(/Bad safetensors file/);
    const short = encodeSafetensors(tensors()).subarray(0, -4);
    expect(await refused({ upload: await upload(short) })).toMatch(/not a whole safetensors file/);
  });

  test("is refused with every name and shape that is wrong", async () => {
    const [kernel, ...rest] = tensors();
    const wrong = [
      floatTensor("sequential/hidden/kernel", [8, 4], wave([8, 4], 1)),
      ...rest.slice(0, 2),
      floatTensor("sequential/head/bias", [3], wave([3], 1)),
    ];
    expect(kernel?.shape).toEqual([4, 8]);
    const { status, body } = await create({ upload: await upload(encodeSafetensors(wrong)) });
    expect(status).toBe(400);
    expect(body.error.problems).toEqual(
      [
        '"sequential/hidden/kernel" has the shape [8, 4], the model\'s "hidden/kernel" [4, 8]',
        'it lacks "output/bias", to be drawn from the seed with "partial": true',
        'the model has no "sequential/head/bias"',
      ].map((what) => ({
        path: "model.weights.upload",
        message: `the file does not fit the model: ${what}`,
      })),
    );
    const whole = { name: "hidden/bias", dtype: "I32", shape: [8], data: new Uint8Array(32) } as const;
    const integers = await create({ upload: await upload(encodeSafetensors([whole])), partial: true });
    expect(integers.body.error.message).toMatch(/"hidden\/bias" is I32: write it as F32/);
    const other = encodeSafetensors([floatTensor("a", [1], Float32Array.of(1))]);
    const none = await create({ upload: await upload(other), partial: true });
    expect(none.body.error.message).toMatch(/none of its names is of the model's: "hidden\/kernel"/);
  });

  test("fails the run with what is no number", async () => {
    const [kernel, bias, ...rest] = tensors();
    const broken = floatTensor("sequential/hidden/bias", [8], wave([8], 1).fill(Number.NaN, 3, 4));
    if (kernel === undefined || bias === undefined) throw new Error("no tensors");
    const nan = await settled({ upload: await upload(encodeSafetensors([kernel, broken, ...rest])) });
    expect(nan.statusReason).toMatch(/"hidden\/bias" must be finite numbers.* number 3 of 8 is not/);
  });

  test("is taken once, and no larger than was said", async () => {
    const { body } = await cloud.call("POST", "/v1/uploads", { sizeBytes: 8 });
    const put = (bytes: number) =>
      fetch(body.url, { method: "PUT", headers: body.headers, body: new Uint8Array(bytes) });
    expect((await put(9)).status).toBe(400);
    expect((await put(8)).status).toBe(200);
    expect((await put(8)).status).toBe(412);
    for (const sizeBytes of [0, 7, 2 ** 40, 8.5]) {
      expect((await cloud.call("POST", "/v1/uploads", { sizeBytes })).status).toBe(400);
    }
  });
});
