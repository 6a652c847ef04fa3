// The spec of a federation with the weights that it begins with: what would be refused when its run is
// created is refused before anything is started, by the name of the file that is wrong.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readFederation } from "../../../../infra/cli/federate/federationFile.ts";
import { readRunSpec } from "../../../../infra/cli/federate/readRunSpec.ts";
import { encodeSafetensors } from "../../../../shared/core/updates/safetensors.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "federate-spec-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const put = (name: string, content: string | Uint8Array) => writeFileSync(join(folder, name), content);
const layers = [{ type: "Dense", name: "d", units: 2, activation: "softmax" }];
const model = { inputShape: [3], layers };
const tensor = (name: string, ...shape: readonly number[]) => ({
  name,
  shape,
  dtype: "F32" as const,
  data: new Uint8Array(4 * shape.reduce((count, size) => count * size, 1)),
});
const kernel = tensor("d/kernel", 3, 2);
const bias = tensor("d/bias", 2);

const read = async ({ spec = {}, ...more }: { readonly spec?: object; readonly weights?: unknown } = {}) => {
  const plain = { name: "mine", model, selection: { strategy: "random", cohortSize: 2 }, seed: 1 };
  put("spec.json", JSON.stringify({ ...plain, ...spec }));
  put("federation.json", JSON.stringify({ clients: "{clientId}.csv", test: "test.csv", ...more }));
  return readRunSpec(await readFederation(folder), { rounds: 2, seed: 7 });
};

describe("a federation's spec with weights", () => {
  it("has no weights yet in what the api is sent, as their upload is to come", async () => {
    put("w.safetensors", encodeSafetensors([kernel, bias]));
    const { body, spec } = await read({ weights: "w.safetensors" });
    expect(body).toMatchObject({ model, seed: 7, stop: { rounds: 2 } });
    expect(body["model"]).not.toHaveProperty("weights");
    expect(spec).toMatchObject({ seed: 7, model: { layers } });
  });

  it("takes a file that lacks parameters only where it says that it is partial", async () => {
    put("w.safetensors", encodeSafetensors([kernel, tensor("other", 1)]));
    await expect(read({ weights: { file: "w.safetensors", partial: true } })).resolves.toBeDefined();
    await expect(read({ weights: "w.safetensors" })).rejects.toMatchObject({
      code: "invalid-argument",
      message: expect.stringMatching(
        /w\.safetensors cannot be used: .*it lacks "d\/bias".*the model has no "other"/,
      ),
    });
  });

  it.each<[string, () => void, object, RegExp]>([
    [
      "a file of another shape",
      () => put("w.safetensors", encodeSafetensors([tensor("d/kernel", 2, 3), bias])),
      {},
      /w\.safetensors cannot be used: .*\[2, ?3\]/,
    ],
    ["a file that is none", () => put("w.safetensors", "PK"), {}, /w\.safetensors cannot be used: /],
    [
      "weights that the spec names, too",
      () => put("w.safetensors", encodeSafetensors([kernel, bias])),
      { model: { ...model, weights: { run: "other-run" } } },
      /spec\.json cannot be used: model\.weights: leave it out.*begins without uploads and runs/,
    ],
    [
      "a model of parameters alone",
      () => put("w.safetensors", encodeSafetensors([kernel, bias])),
      { model: {} },
      /federation\.json cannot be used: model: it names parameters and no layers.*python-client/,
    ],
    [
      "a model whose layers do not fit each other",
      () => put("w.safetensors", encodeSafetensors([kernel, bias])),
      { model: { inputShape: [3], layers: ["LSTM", ...layers] } },
      /spec\.json cannot be used: .*LSTM/,
    ],
  ])("refuses %s", async (_, prepare, spec, message) => {
    prepare();
    await expect(read({ spec, weights: "w.safetensors" })).rejects.toMatchObject({
      code: "invalid-argument",
      message: expect.stringMatching(message),
    });
  });

  it("refuses weights that only the spec names", async () => {
    const weights = { upload: "0123456789abcdef" };
    await expect(read({ spec: { model: { ...model, weights } } })).rejects.toMatchObject({
      message: expect.stringMatching(/model\.weights: leave it out, and name a file as weights of/),
    });
  });
});
