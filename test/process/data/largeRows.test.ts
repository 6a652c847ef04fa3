// Rows that become much more than their text: pieces stay small, however large a row is, and a row that does
// not fit at all is refused before there is room made for it.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { listFiles } from "../../../shared/cloud/data/files.ts";
import { openData } from "../../../shared/cloud/data/openData.ts";
import { Features } from "../../../shared/core/data/features.ts";
import { RowTally } from "../../../shared/core/data/tally.ts";
import { grey, put, readWritten } from "../../support/dataFiles.ts";
import { refusalOf } from "../../support/refusal.ts";

const MIB = 2 ** 20;

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "fedstratus rows-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

/** Values of each piece as float32, in bytes, and of each row. */
async function piecesOf(features: object): Promise<{ readonly bytes: number[]; readonly rows: number }> {
  const files = await listFiles(`${pathToFileURL(folder).href}/`, {
    tokens: { accessToken: async () => "", fetchIdToken: async () => "" },
  });
  const source = await openData(files, Features.parse(features), 64 * MIB);
  const bytes: number[] = [];
  let rows = 0;
  for await (const piece of source.pieces(new RowTally())) {
    bytes.push(piece.rows.x.byteLength + piece.rows.y.byteLength);
    rows += piece.rows.count;
    const again = await piece.again?.();
    // By hand: to compare millions of values takes the test's own tools half a minute.
    expect(again?.x.every((value, i) => value === piece.rows.x[i])).toBe(true);
  }
  return { bytes, rows };
}

const words = Array.from({ length: 5_000 }, (_, i) => `w${i}`);
const oneHot = {
  kind: "table",
  inputs: [{ column: "a", type: "category", vocabulary: words }],
  target: "label",
};

test("a category of 5,000 values, a place for each", async () => {
  const rows = Array.from({ length: 2_000 }, (_, i) => i);
  put(folder, "t.csv", `a,label\n${rows.map((i) => `w${i % 5_000},${i % 2}\n`).join("")}`);
  const csv = await piecesOf(oneHot);
  expect(csv.rows).toBe(2_000);
  expect(Math.max(...csv.bytes)).toBeLessThan(16 * MIB);
  rmSync(join(folder, "t.csv"));
  put(folder, "t.jsonl", rows.map((i) => `{"a":"w${i % 5_000}","label":${i % 2}}\n`).join(""));
  const lines = await piecesOf(oneHot);
  expect(lines.rows).toBe(2_000);
  expect(Math.max(...lines.bytes)).toBeLessThan(16 * MIB);
});

test("images of 1,024 × 1,024", async () => {
  for (let i = 0; i < 6; i++) put(folder, `a/${i}.png`, grey(i, 7));
  const { bytes, rows } = await piecesOf({
    kind: "images",
    classes: ["a"],
    height: 1_024,
    width: 1_024,
    channels: 1,
  });
  expect([rows, bytes.length]).toEqual([6, 6]);
});

test("windows of 65,536 units", async () => {
  put(folder, "t.txt", "ab".repeat(70_000));
  const { bytes } = await piecesOf({
    kind: "text",
    unit: "bytes",
    length: 65_536,
    stride: 1_000,
    predict: "each",
  });
  expect(Math.max(...bytes)).toBeLessThanOrEqual(8 * MIB);
});

test("a file that is empty beside others that are not", async () => {
  put(folder, "1.csv", "");
  put(folder, "2.csv", "a,label\nw1,0\n");
  expect((await piecesOf(oneHot)).rows).toBe(1);
});

test("a row that does not fit is refused, and nothing of it is told", async () => {
  put(folder, "t.csv", "secret,label\nw1,0\n");
  const features = {
    kind: "table",
    inputs: Array.from({ length: 8 }, () => ({
      column: "secret",
      type: "text",
      length: 1_000_000,
      vocabulary: ["x"],
    })),
    target: "label",
  };
  const error = await refusalOf(() =>
    readWritten(folder, { address: "t.csv", features }, { memoryMib: 512 }),
  );
  expect(error.code).toBe("too-large");
  expect(error.told?.message).toMatch(/^One sample of the data set takes 32000004 bytes as float32/);
});
