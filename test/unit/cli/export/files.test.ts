// Files of other tools, byte by byte: TensorBoard's events, NumPy's arrays, zip files of many.
import { unzipSync } from "fflate";
import { describe, expect, it } from "vitest";
import { npyFile } from "../../../../infra/cli/export/models/npy.ts";
import { npzModel } from "../../../../infra/cli/export/models/npzModel.ts";
import { tfjsModel } from "../../../../infra/cli/export/models/tfjsModel.ts";
import { fileVersionRecord, scalarsRecord } from "../../../../infra/cli/export/tools/eventFile.ts";
import { modelSpec } from "../../../../shared/core/models/builtinModels.ts";
import { toLayersTopology } from "../../../../shared/core/models/topology.ts";
import { joinParts } from "../../../../shared/core/updates/safetensors.ts";
import { buildRun } from "../../../support/builders.ts";

/** Made by tensorboard's own RecordWriter and Event. */
const VERSION_RECORD = "1800000000000000a37f4b2209000000000000f83f1a0d627261696e2e4576656e743a322a28646c";
const SCALAR_RECORD = "1a00000000000000129bd82d09000000000000f83f10ac022a0c0a0a0a03612f62150000003f49db135b";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

describe("an event file", () => {
  it("begins with its version, as tensorboard 2.21 writes it", () => {
    expect(hex(fileVersionRecord(1_500))).toBe(VERSION_RECORD);
  });

  it("holds the scalars of a step, as tensorboard 2.21 writes them", () => {
    expect(hex(scalarsRecord(300, 1_500, [{ tag: "a/b", value: 0.5 }]))).toBe(SCALAR_RECORD);
  });
});

describe("a file of NumPy", () => {
  it.each([
    [[], [7], "()"],
    [[3], [1, 2, 3], "(3,)"],
    [[1, 2], [1, 2], "(1, 2)"],
    [[0], [], "(0,)"],
  ] as const)("has the shape %j", (shape, values, written) => {
    const file = npyFile([...shape], Float32Array.from(values));
    expect(hex(file.subarray(0, 8))).toBe("934e554d50590100");
    const headerBytes = file[8] ?? 0;
    expect((10 + headerBytes) % 64).toBe(0);
    const header = new TextDecoder().decode(file.subarray(10, 10 + headerBytes));
    expect(header.trimEnd()).toBe(`{'descr': '<f4', 'fortran_order': False, 'shape': ${written}, }`);
    expect(header.endsWith("\n")).toBe(true);
    expect([...new Float32Array(file.slice(10 + headerBytes).buffer)]).toEqual(values);
  });
});

const model = (shape: readonly number[], topology = toLayersTopology(modelSpec("tiny-mlp"))) => ({
  run: buildRun(),
  version: 1,
  weights: [
    { name: "__proto__", shape: [2], values: Float32Array.of(1, 2) },
    { name: "../a/kernel", shape, values: new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(3) },
  ],
  topology,
  source: null,
  metadata: {},
});

it("an npz file holds an array for each parameter, whatever its name", () => {
  const [file] = npzModel(model([4]));
  const arrays = unzipSync(joinParts(file?.parts ?? []));
  expect(Object.keys(arrays)).toEqual(["__proto__.npy", "../a/kernel.npy"]);
});

it("weights for TensorFlow.js are cut into shards of four MiB, none of them lost", async () => {
  const values = 2 ** 21 + 1;
  const files = await tfjsModel(model([values]), "fedstratus 0.1.0");
  expect(files.map(({ name, parts }) => [name, joinParts(parts).byteLength])).toEqual([
    ["group1-shard1of3.bin", 2 ** 22],
    ["group1-shard2of3.bin", 2 ** 22],
    ["group1-shard3of3.bin", 12],
    ["model.json", expect.any(Number)],
  ]);
  const json = JSON.parse(new TextDecoder().decode(joinParts(files.at(-1)?.parts ?? [])));
  expect(json).toMatchObject({ format: "layers-model", generatedBy: "fedstratus 0.1.0" });
  expect(json.weightsManifest[0].paths).toHaveLength(3);
  expect(json.weightsManifest[0].weights[1]).toEqual({
    name: "../a/kernel",
    shape: [values],
    dtype: "float32",
  });
});

it("a run without a topology has no files of layers", async () => {
  const bare = { ...model([1]), topology: null };
  await expect(tfjsModel(bare, "")).rejects.toThrow(
    /has no topology, which --format tfjs needs: take --format safetensors or npz/,
  );
});
