// Parquet as pyarrow writes it: every type, encoding, version of pages and compression gives the same rows;
// and what it says of columns that no row can hold.
import { copyFileSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readWritten } from "../../support/dataFiles.ts";
import { refusalOf } from "../../support/refusal.ts";

const vectors = fileURLToPath(new URL("../../vectors/parquet/", import.meta.url));
const files = readdirSync(vectors).filter((name) => name.endsWith(".parquet") && name !== "others.parquet");

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "fedstratus parquet-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const words = (start: string, count: number) => Array.from({ length: count }, (_, i) => `${start}${i}`);
const category = (column: string, vocabulary: readonly string[], more: object = {}) => ({
  column,
  type: "category",
  encode: "number",
  vocabulary,
  ...more,
});
const features = {
  kind: "table",
  inputs: [
    "f64",
    "f32",
    "f16",
    "i64",
    "i32",
    "u8",
    "decimal",
    "flag",
    category("text", words("name-", 7)),
    { column: "fixed", type: "numbers", size: 2 },
    { column: "maybe_f64", type: "number", missing: -1 },
    { column: "maybe_i64", type: "number", missing: -1 },
    category("maybe_text", words("t", 3), { other: "class" }),
    { column: "list", type: "numbers", size: 2 },
  ],
  target: "label",
  maxRefusedShare: 0,
};

/** As test/vectors/parquet/parquet.py has them. */
const row = (i: number) => [
  i / 8,
  i / 8,
  i / 8,
  ((i * 37) % 100) - 50,
  ((i * 37) % 100) - 50,
  i * 4,
  i,
  i % 3 === 0 ? 1 : 0,
  i % 7,
  "t".charCodeAt(0),
  "0".charCodeAt(0) + (i % 5),
  i % 5 === 0 ? -1 : i / 8,
  i % 7 === 0 ? -1 : i,
  i % 4 === 0 ? 3 : i % 3,
  i,
  i + 0.5,
];

test.each(files)("%s gives the rows", async (name) => {
  copyFileSync(join(vectors, name), join(folder, name));
  const data = await readWritten(folder, { address: name, features }, { mayStream: false, memoryMib: 512 });
  if ("batches" in data) throw new Error("It is a stream.");
  const rows = Array.from({ length: 60 }, (_, i) => row(i));
  expect(data.facts).toEqual({ rows: 60, refused: [], dropped: 0 });
  expect(data.x).toEqual({ shape: [60, 16], values: Float32Array.from(rows.flat()) });
  expect([...data.y.values]).toEqual(rows.map((_, i) => i % 4));
});

describe("columns that no row can hold", () => {
  test.each([
    ["date", /"date" cannot be read, it holds dates or times: write numbers/],
    ["time", /"time" cannot be read, it holds dates or times: write numbers/],
    ["struct", /"struct" cannot be read, it has columns in it/],
    ["map", /"map" cannot be read, it holds maps/],
  ])("%s is refused with what to do", async (column, problem) => {
    copyFileSync(join(vectors, "others.parquet"), join(folder, "others.parquet"));
    const of = { kind: "table", inputs: [column], target: "label" };
    const error = await refusalOf(() => readWritten(folder, { address: "others.parquet", features: of }));
    expect(error).toMatchObject({ code: "invalid-argument", retry: "never" });
    expect(error.message).toMatch(problem);
  });

  test("cost nothing where nobody asks for them", async () => {
    copyFileSync(join(vectors, "others.parquet"), join(folder, "others.parquet"));
    const of = { kind: "table", inputs: ["label"], target: "label" };
    const data = await readWritten(folder, { address: "others.parquet", features: of });
    expect(data.facts).toMatchObject({ rows: 2, refused: [] });
  });
});
