// A `.keras` file of real Keras through `npm run convert`: its two files make a run that begins with what
// Keras computes.
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { zipSync } from "fflate";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readKerasFile } from "../../infra/cli/keras/readKerasFile.ts";
import { buildModel } from "../../shared/cloud/tensors/layersModel.ts";
import { loadTensors } from "../../shared/cloud/tensors/loadTensors.ts";
import { givenTopology } from "../../shared/core/models/givenTopology.ts";
import { givenWeights } from "../../shared/core/models/givenWeights.ts";
import { modelProblems } from "../../shared/core/models/modelProblems.ts";
import { normalTopology } from "../../shared/core/models/normalTopology.ts";
import { ModelChoice } from "../../shared/core/schemas/model.ts";
import { asFloat32, decodeSafetensors, parseHeader } from "../../shared/core/updates/safetensors.ts";
import { distance, type Values } from "./kerasContract.ts";

const vectors = new URL("../vectors/keras/", import.meta.url);
const main = fileURLToPath(new URL("../../infra/cli/main.ts", import.meta.url));

interface Golden {
  readonly x: Values;
  readonly output: readonly number[];
  readonly weights: Readonly<Record<string, number>>;
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "keras-"));
});
afterAll(() => rm(folder, { recursive: true }));

test("a .keras file becomes a model and weights that compute what Keras does", async () => {
  const golden: Golden = JSON.parse(await readFile(new URL("file.json", vectors), "utf8"));
  const out = join(folder, "new", "folder");
  const { stdout } = await promisify(execFile)(process.execPath, [
    main,
    "convert",
    fileURLToPath(new URL("file.keras", vectors)),
    "--out",
    out,
  ]);
  expect(stdout).toBe(`${join(out, "model.json")}\n${join(out, "weights.safetensors")}\n`);
  const layers = JSON.parse(await readFile(join(out, "model.json"), "utf8"));
  const given = givenTopology(ModelChoice.parse({ layers }));
  expect(modelProblems(given, "sparseCategoricalCrossentropy")).toEqual([]);
  const topology = normalTopology(given);
  const file = await readFile(join(out, "weights.safetensors"));
  const values = new Map(decodeSafetensors(file).tensors.map((tensor) => [tensor.name, asFloat32(tensor)]));
  const sums = [...values.values()].map((each) => each.reduce((sum, value) => sum + value, 0));
  expect(distance(sums.toSorted(), Object.values(golden.weights).toSorted())).toBeLessThan(1e-5);

  const { tf } = await loadTensors({ prefer: "auto" });
  const model = await buildModel(tf, topology);
  try {
    const found = givenWeights(topology, model.shapes, parseHeader(file).tensors, false);
    model.setWeights(
      found.map(({ parameter: { name, shape }, tensor }) => ({
        name,
        shape,
        values: values.get(tensor?.name ?? "") ?? new Float32Array(),
      })),
    );
    const output = tf.tidy(() => {
      const x = tf.tensor(Float32Array.from(golden.x.values), [...golden.x.shape]);
      return model.apply(x, { training: false }).output.dataSync();
    });
    expect(distance(output, golden.output)).toBeLessThan(1e-5);
  } finally {
    model.dispose();
  }
});

test("what a run would refuse is said when the file is converted", async () => {
  const { unzipSync } = await import("fflate");
  const entries = unzipSync(await readFile(new URL("file.keras", vectors)));
  const model = JSON.parse(new TextDecoder().decode(entries["config.json"]));
  const flip = { module: "keras.layers", class_name: "RandomFlip", config: { name: "flip" } };
  model.config.layers.push(flip);
  const path = join(folder, "flipped.keras");
  await writeFile(
    path,
    zipSync({ ...entries, "config.json": new TextEncoder().encode(JSON.stringify(model)) }),
  );
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [
    main,
    "convert",
    path,
    "--out",
    folder,
  ]);
  expect(stdout.trimEnd().split("\n")).toHaveLength(2);
  expect(stderr).toBe(
    "A run would refuse this model. Change it in Keras, and convert it again:\n" +
      '  layer "flip" (RandomFlip): this class is not supported: prepare the images in the clients\' data\n',
  );
});

describe("what is no .keras file is refused, with what to do", () => {
  const text = (words: string) => new TextEncoder().encode(words);
  const dense = {
    class_name: "Sequential",
    config: { layers: [{ class_name: "Dense", config: { name: "d", units: 1 } }] },
  };
  test.each([
    ["a text", text("{}"), /it is no zip file/],
    ["nothing", new Uint8Array(), /it is no zip file/],
    ["a zip of other things", zipSync({ "a.txt": text("a") }), /it lacks config\.json/],
    ["a zip without weights", zipSync({ "config.json": text("{}") }), /it lacks model\.weights\.h5/],
    [
      "a model that is none",
      zipSync({ "config.json": text("[]"), "model.weights.h5": text("") }),
      /holds no model/,
    ],
    [
      "weights that are none",
      zipSync({ "config.json": text(JSON.stringify(dense)), "model.weights.h5": text("HDF") }),
      /its model\.weights\.h5 (cannot be read|lacks layers\/dense)/,
    ],
  ])("%s", async (_, file, why) => {
    const failure = await readKerasFile(file).catch((error: unknown) => error);
    expect(String(failure)).toMatch(why);
    expect(String(failure)).toMatch(/Write one in Keras: model\.save\("model\.keras"\)/);
  });

  test("and weights of another model", async () => {
    const { unzipSync } = await import("fflate");
    const { "model.weights.h5": weights } = unzipSync(await readFile(new URL("file.keras", vectors)));
    const other = { ...dense, config: { layers: [{ class_name: "Conv1D", config: { name: "c" } }] } };
    const file = zipSync({
      "config.json": text(JSON.stringify(other)),
      "model.weights.h5": weights ?? text(""),
    });
    await expect(readKerasFile(file)).rejects.toThrow(/lacks layers\/conv1d\/vars\/0, which is c\/kernel/);
  });

  test("by the command in one sentence, with nothing written", async () => {
    const path = join(folder, "wrong.keras");
    await writeFile(path, "no zip");
    const out = join(folder, "nothing");
    const failed = await promisify(execFile)(process.execPath, [main, "convert", path, "--out", out]).catch(
      (error: { code: number; stderr: string }) => error,
    );
    expect(failed).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^\/.*wrong\.keras: this is no \.keras file.*\n$/),
    });
    expect(await readdir(folder)).not.toContain("nothing");
  });
});
