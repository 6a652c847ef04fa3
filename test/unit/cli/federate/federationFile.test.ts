// A federation's file: what it may say, where its paths lead, and which clients have data.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { clientsWithData, readFederation } from "../../../../infra/cli/federate/federationFile.ts";
import { dataAddress } from "../../../../infra/data/dataAddress.ts";
import { sourceFor } from "../../../../shared/cloud/source.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "fedération #1 %7B-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const put = (name: string, text = "{}") => {
  mkdirSync(join(folder, name, ".."), { recursive: true });
  writeFileSync(join(folder, name), text);
};
const complete = { clients: "data/{clientId}.csv", test: "test.csv" };

describe("readFederation", () => {
  it("takes a folder or the file in it, and gives paths relative to the file", async () => {
    put("federation.json", JSON.stringify({ ...complete, features: "../features.json" }));
    put("spec.json");
    writeFileSync(join(folder, "..", "features.json"), "{}");
    const federation = await readFederation(folder);
    expect(await readFederation(join(folder, "federation.json"))).toEqual(federation);
    expect(federation).toEqual({
      file: join(folder, "federation.json"),
      clients: join(folder, "data/{clientId}.csv"),
      test: join(folder, "test.csv"),
      features: join(folder, "../features.json"),
      spec: join(folder, "spec.json"),
      model: undefined,
      weights: undefined,
      prepare: undefined,
    });
    rmSync(join(folder, "..", "features.json"));
  });

  it("takes weights as a file, or with what else there is to say of them", async () => {
    put("spec.json");
    put("w.safetensors");
    const file = join(folder, "w.safetensors");
    for (const [weights, partial] of [
      ["w.safetensors", false],
      [{ file: "w.safetensors" }, false],
      [{ file: "w.safetensors", partial: true }, true],
    ] as const) {
      put("federation.json", JSON.stringify({ ...complete, weights }));
      expect((await readFederation(folder)).weights).toEqual({ file, partial });
    }
    put("federation.json", JSON.stringify({ ...complete, weights: { file: "none.safetensors" } }));
    await expect(readFederation(folder)).rejects.toMatchObject({ problems: [{ path: "weights" }] });
  });

  it("names every problem", async () => {
    put("federation.json", JSON.stringify({ clients: "data", tests: "x" }));
    await expect(readFederation(folder)).rejects.toMatchObject({
      code: "invalid-argument",
      problems: [
        { path: "clients", message: expect.stringContaining("{clientId}") },
        { path: "test" },
        { path: "tests", message: expect.stringContaining("perhaps test is meant") },
      ],
    });
  });

  it.each([
    ["no JSON", "{"],
    ["no object", "[]"],
  ])("refuses %s", async (_, text) => {
    put("federation.json", text);
    await expect(readFederation(folder)).rejects.toMatchObject({ code: "invalid-argument" });
  });

  it("names the files that are not there", async () => {
    put("federation.json", JSON.stringify({ ...complete, model: "model.json" }));
    const problems = [{ path: "spec" }, { path: "model" }];
    await expect(readFederation(folder)).rejects.toMatchObject({ problems });
  });

  it("says where a folder has none", async () => {
    await expect(readFederation(folder)).rejects.toThrow(/federation\.json: name a folder/);
  });
});

describe("dataAddress", () => {
  it("is what the functions read, whatever the folder is called", () => {
    const address = dataAddress(join(folder, "{clientId}.csv"));
    expect(address).toMatch(/^file:\/\/\/.*\/\{clientId\}\.csv$/);
    expect(fileURLToPath(sourceFor(address, { clientId: "a" }))).toBe(join(folder, "a.csv"));
  });
});

describe("clientsWithData", () => {
  it("finds files by what stands around the name, in order", async () => {
    for (const name of ["x-b.csv", "x-a.csv", "x-.csv", ".x-c.csv", "x-d.tsv", "y-e.csv"]) put(name);
    expect(await clientsWithData(join(folder, "x-{clientId}.csv"))).toEqual(["a", "b"]);
  });

  it("finds folders, with a pattern below", async () => {
    for (const name of ["clients/b/1.csv", "clients/a/2.csv"]) put(name);
    expect(await clientsWithData(join(folder, "clients/{clientId}/*.csv"))).toEqual(["a", "b"]);
  });

  it("finds none where there is no folder", async () => {
    expect(await clientsWithData(join(folder, "none/{clientId}"))).toEqual([]);
  });

  it("refuses names that no client can have, and names them all", async () => {
    for (const name of ["A.csv", "b c.csv", "d.csv"]) put(name);
    await expect(clientsWithData(join(folder, "{clientId}.csv"))).rejects.toMatchObject({
      problems: [{ path: join(folder, "A.csv") }, { path: join(folder, "b c.csv") }],
    });
  });
});
