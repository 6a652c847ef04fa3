// Arrays that NumPy itself has written: every type, order and version of the format, and archives of each
// kind, are read to the same numbers as NumPy has, or are refused with what to do.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readData } from "../../../shared/cloud/data/readData.ts";
import { refusalOf } from "../../support/refusal.ts";

const vectors = join(import.meta.dirname, "../../vectors/numpy");

interface Expected {
  readonly files: Readonly<
    Record<string, { readonly shape: number[]; readonly values: number[] } | { readonly refused: string }>
  >;
}
const { files } = JSON.parse(readFileSync(join(vectors, "expected.json"), "utf8")) as Expected;

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "fedstratus numpy-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function read(name: string, samples: number) {
  const isArchive = name.endsWith(".npz");
  const path = join(folder, `${name}.json`);
  const target = samples === 1 ? "y1.npy" : "y.npy";
  writeFileSync(path, JSON.stringify({ kind: "arrays", inputs: name, target }));
  const tokens = { accessToken: async () => "", fetchIdToken: async () => "" };
  return readData(
    {
      address: pathToFileURL(isArchive ? join(vectors, name) : `${vectors}/`).href,
      features: isArchive ? undefined : pathToFileURL(path).href,
    },
    { tokens },
    { mayStream: true },
  );
}

test.each(Object.keys(files))("%s", async (name) => {
  const expected = files[name];
  if (expected === undefined) throw new Error("no such file");
  if ("refused" in expected) {
    const error = await refusalOf(() => read(name, 4));
    expect(error).toMatchObject({ code: "invalid-argument", retry: "never" });
    expect(error.message).toContain(expected.refused);
    return;
  }
  const data = await read(name, expected.shape[0] ?? 0);
  if ("batches" in data) throw new Error("a stream");
  expect(data.x.shape).toEqual(expected.shape);
  expect([...data.x.values]).toEqual(expected.values);
  expect([...data.y.values]).toEqual(expected.shape[0] === 1 ? [1] : [0, 1, 2, 1]);
});
