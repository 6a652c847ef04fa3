// Models on their way out: every layer that a topology may name, and whole models as Keras 3 writes them, in
// the files of an export. Our own reading of a `.keras` file, TensorFlow.js's of a model.json, and those of
// real Keras and of Chromium where they are installed compute what Keras computed when the golden files were
// made.
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ExportedModel } from "../../infra/cli/export/models/exportedModel.ts";
import { kerasFile } from "../../infra/cli/export/models/kerasFile.ts";
import { tfjsModel } from "../../infra/cli/export/models/tfjsModel.ts";
import { readKerasFile } from "../../infra/cli/keras/readKerasFile.ts";
import { buildModel } from "../../shared/cloud/tensors/layersModel.ts";
import { loadTensors } from "../../shared/cloud/tensors/loadTensors.ts";
import { givenTopology } from "../../shared/core/models/givenTopology.ts";
import { matchNames } from "../../shared/core/models/kerasNames.ts";
import { modelProblems } from "../../shared/core/models/modelProblems.ts";
import { normalTopology } from "../../shared/core/models/normalTopology.ts";
import type { LayersTopology } from "../../shared/core/schemas/model.ts";
import { RunSpec } from "../../shared/core/schemas/spec.ts";
import { asFloat32, joinParts } from "../../shared/core/updates/safetensors.ts";
import type { Weights } from "../../shared/core/updates/weights.ts";
import { buildRun } from "../support/builders.ts";
import { findChromium, postedByPage } from "../support/chromium.ts";
import { pythonWith } from "../support/pythonModules.ts";
import { distance, type Values } from "./kerasContract.ts";

const vectors = (name: string) =>
  JSON.parse(readFileSync(new URL(`../vectors/keras/${name}`, import.meta.url), "utf8"));

interface Case {
  readonly name: string;
  readonly topology: LayersTopology;
  /** `model` of a spec, where the file as it was given is taken. */
  readonly source: unknown;
  readonly weights: Weights;
  readonly x: Values;
  readonly output: readonly number[];
}

const SAMPLES = 3;

/** TensorFlow.js alone computes these otherwise; in a run we replace its computation. */
const otherAxis = /the layer "b" otherwise than Keras: a BatchNormalization along axis 1 of 4/;
const refusedByTfjs: ReadonlyMap<string, RegExp> = new Map([
  ["BatchNormalization, axis 1", otherAxis],
  ["BatchNormalization, axis 1, frozen", otherAxis],
]);

/** As layers.py has it. */
function wave(shape: readonly number[], phase: number): number[] {
  const count = shape.reduce((product, size) => product * size, 1);
  return Array.from({ length: count }, (_, k) => 0.6 * Math.sin(1.3 * k + phase));
}

interface LayerCase {
  readonly name: string;
  readonly topology: LayersTopology["model_config"];
  readonly x?: Values;
  readonly before: readonly number[];
  readonly weights: Readonly<Record<string, Values>>;
}

/** One layer behind a dense one, by layers.py. */
function layerCase(entry: LayerCase): readonly Case[] {
  const given = { model_config: entry.topology };
  if (modelProblems(given, "meanSquaredError").length > 0) return []; // No run has such a layer.
  const names = Object.keys(entry.weights).toSorted((a, b) => (a < b ? -1 : 1));
  const weights = names.map((name, place) => {
    const shape = entry.weights[name]?.shape ?? [];
    const values = wave(shape, place + 0.9);
    const positive = name.endsWith("moving_variance");
    return {
      name,
      shape,
      values: Float32Array.from(
        positive ? values.map((value) => Math.fround(Math.abs(Math.fround(value)) + 0.5)) : values,
      ),
    };
  });
  const layers = entry.topology["config"] as { layers: { config: { batch_shape: (number | null)[] } }[] };
  const shape = [SAMPLES, ...(layers.layers[0]?.config.batch_shape.slice(1) ?? []).map((size) => size ?? 0)];
  const x = entry.x ?? { shape, values: wave(shape, 0.2) };
  const topology = normalTopology(given);
  return [{ name: entry.name, topology, source: null, weights, x, output: entry.before }];
}

interface ModelCase {
  readonly name: string;
  readonly json: object;
  readonly x: Values;
  readonly output: readonly number[];
  readonly weights: Readonly<Record<string, Values>>;
}

/** A whole model, by intake.py: once as it was given, and once made of its topology. */
function modelCases({ name, json, x, output, weights: given }: ModelCase): readonly Case[] {
  const spec = { name: "n", model: { layers: json }, selection: { strategy: "random", cohortSize: 1 } };
  const topology = normalTopology(givenTopology(RunSpec.parse(spec).model));
  return [
    { name: `${name}, as it was given`, topology, source: { layers: json } },
    { name: `${name}, made of its topology`, topology, source: null },
  ].map((one) => ({ ...one, weights: namedWeights(topology, given), x, output }));
}

/** Keras' weights by the names that a run has: each is what a file with this one name alone matches. */
function namedWeights(topology: LayersTopology, given: Readonly<Record<string, Values>>): Weights {
  const parameters = parameterNames.get(JSON.stringify(topology)) ?? [];
  const { found } = matchNames(topology, parameters, Object.keys(given));
  return parameters.map((name) => {
    const { shape, values } = given[found.get(name) ?? ""] ?? { shape: [], values: [] };
    return { name, shape, values: Float32Array.from(values) };
  });
}

/** By topology: only TensorFlow.js knows them. */
const parameterNames = new Map<string, readonly string[]>();
const { tf } = await loadTensors({ prefer: "portable" });
const intake: readonly ModelCase[] = vectors("intake.json");
for (const { json } of intake) {
  const spec = { name: "n", model: { layers: json }, selection: { strategy: "random", cohortSize: 1 } };
  const topology = normalTopology(givenTopology(RunSpec.parse(spec).model));
  const model = await buildModel(tf, topology);
  parameterNames.set(
    JSON.stringify(topology),
    model.shapes.map(({ name }) => name),
  );
  model.dispose();
}
const cases: readonly Case[] = [
  ...(vectors("layers.json") as readonly LayerCase[]).flatMap(layerCase),
  ...intake.flatMap(modelCases),
];

const exported = ({ topology, source, weights }: Case): ExportedModel => ({
  run: buildRun(),
  version: 1,
  weights,
  topology,
  source,
  metadata: {},
});

async function kerasBytes(entry: Case): Promise<Uint8Array> {
  const [file] = await kerasFile(exported(entry), Date.UTC(2026, 10, 29));
  return joinParts(file?.parts ?? []);
}

test("there is a case for each layer that Keras and a run have", () => {
  expect(cases.length).toBeGreaterThan(240);
});

describe("a .keras file, read back by ourselves", () => {
  test.each(cases.map((entry) => [entry.name, entry] as const))("%s", async (_, entry) => {
    const { json, weights } = await readKerasFile(await kerasBytes(entry));
    const values = new Map(weights.map((tensor) => [tensor.name, asFloat32(tensor)]));
    expect([...values.keys()].toSorted()).toEqual(entry.weights.map(({ name }) => name).toSorted());
    for (const weight of entry.weights) expect(values.get(weight.name), weight.name).toEqual(weight.values);
    const spec = {
      name: "n",
      model: { layers: JSON.parse(json) },
      selection: { strategy: "random", cohortSize: 1 },
    };
    const given = givenTopology(RunSpec.parse(spec).model);
    expect(modelProblems(given, "meanSquaredError")).toEqual([]);
    const model = await buildModel(tf, normalTopology(given));
    try {
      model.setWeights(entry.weights);
      const output = tf.tidy(() =>
        model
          .apply(tf.tensor(Float32Array.from(entry.x.values), [...entry.x.shape]), { training: false })
          .output.dataSync(),
      );
      expect(distance(output, entry.output)).toBeLessThan(1e-5);
    } finally {
      model.dispose();
    }
  });
});

describe("a model.json, loaded by TensorFlow.js alone", () => {
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  let server: Server;
  let address: string;
  beforeAll(async () => {
    server = createServer(({ url = "" }, response) => {
      const file = files.get(url);
      response.statusCode = file === undefined ? 404 : 200;
      response.setHeader(
        "content-type",
        url.endsWith(".json") ? "application/json" : "application/octet-stream",
      );
      response.end(file);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });

  test.each(cases.map((entry, i) => [entry.name, entry, i] as const))("%s", async (_, entry, i) => {
    const refused = refusedByTfjs.get(entry.name);
    if (refused !== undefined) {
      await expect(tfjsModel(exported(entry), "fedstratus")).rejects.toThrow(refused);
      return;
    }
    for (const { name, parts } of await tfjsModel(exported(entry), "fedstratus")) {
      files.set(`/${i}/${name}`, joinParts(parts));
    }
    const model = await tf.loadLayersModel(tf.io.http(`${address}/${i}/model.json`, { fetchFunc: fetch }));
    const output = tf.tidy(() => {
      const made = model.predict(tf.tensor(Float32Array.from(entry.x.values), [...entry.x.shape]));
      return (Array.isArray(made) ? made[0] : made)?.dataSync();
    });
    model.dispose();
    expect(distance(output ?? [], entry.output)).toBeLessThan(1e-5);
  });
});

const { path: chromium, reason: noChromium } = findChromium();

describe.skipIf(chromium === null)(`a model.json, loaded by Chromium${noChromium}`, () => {
  /** Loads and predicts case by case; what fails is told in place of the numbers. */
  const page = `<!doctype html><script src="/tf.js"></script><script>
    const predicted = async ({ x }, i) => {
      try {
        const model = await tf.loadLayersModel("/" + i + "/model.json");
        const output = model.predict(tf.tensor(x.values, x.shape));
        return [...(await output.data())];
      } catch (error) {
        return String(error);
      }
    };
    (async () => {
      await tf.setBackend("cpu");
      const outputs = [];
      for (const [i, one] of (await (await fetch("/cases.json")).json()).entries()) outputs.push(await predicted(one, i));
      await fetch("/done", { method: "POST", body: JSON.stringify(outputs) });
    })();
  </script>`;

  test("computes what Keras computed, for every layer and model", { timeout: 200_000 }, async () => {
    const loaded = cases.filter(({ name }) => !refusedByTfjs.has(name));
    const tfjs = createRequire(import.meta.url).resolve("@tensorflow/tfjs/dist/tf.min.js");
    const files = new Map<string, Uint8Array | string>([
      ["/", page],
      ["/tf.js", readFileSync(tfjs)],
      ["/cases.json", JSON.stringify(loaded.map(({ x }) => ({ x })))],
    ]);
    for (const [i, entry] of loaded.entries()) {
      for (const { name, parts } of await tfjsModel(exported(entry), "fedstratus")) {
        files.set(`/${i}/${name}`, joinParts(parts));
      }
    }
    const posted = await postedByPage(chromium ?? "", files, 180_000);
    const outputs: readonly (readonly number[] | string)[] = JSON.parse(posted);
    expect(outputs).toHaveLength(loaded.length);
    for (const [i, { name, output }] of loaded.entries()) {
      const made = outputs[i] ?? [];
      expect(made, name).toBeInstanceOf(Array);
      expect(distance(made as readonly number[], output), name).toBeLessThan(1e-5);
    }
  });
});

const { path: python, reason } = pythonWith("keras", "tensorflow");

describe.skipIf(python === null)(`a .keras file, loaded by Keras${reason}`, () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "keras-export-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  test("computes what Keras computed, for every layer and model", { timeout: 300_000 }, async () => {
    for (const [i, entry] of cases.entries()) {
      await writeFile(join(folder, `${i}.keras`), await kerasBytes(entry));
    }
    const asked = cases.map(({ name, x }) => ({ name, x }));
    await writeFile(join(folder, "cases.json"), JSON.stringify(asked));
    const script = fileURLToPath(new URL("../support/python/predictKeras.py", import.meta.url));
    const { stdout } = await promisify(execFile)(python ?? "", [script, folder], { maxBuffer: 2 ** 26 });
    const outputs: readonly (readonly number[] | string)[] = JSON.parse(stdout);
    expect(outputs).toHaveLength(cases.length);
    for (const [i, { name, output }] of cases.entries()) {
      const made = outputs[i] ?? [];
      expect(made, name).toBeInstanceOf(Array);
      expect(distance(made as readonly number[], output), name).toBeLessThan(1e-5);
    }
  });
});
