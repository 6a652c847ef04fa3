// Data larger than memory: every sample once an epoch, in a drawn order that is the same for the same seed,
// whatever the format; and what cannot be read in parts is refused with the remedy.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { dataStream } from "../../../shared/cloud/data/dataStream.ts";
import { readAhead } from "../../../shared/cloud/data/readAhead.ts";
import type { DataStream, Dataset } from "../../../shared/core/ports/trainer.ts";
import { randomFrom } from "../../../shared/core/random.ts";
import {
  csvOf,
  type Format,
  formats,
  jsonLinesOf,
  parquetOf,
  put,
  readWritten,
  type Sample,
  table,
} from "../../support/dataFiles.ts";
import { refusalOf } from "../../support/refusal.ts";

const COUNT = 40_000;
let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "fedstratus stream-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** The number of the sample is in it, and its label follows from that. */
const samples: readonly Sample[] = Array.from({ length: COUNT }, (_, i) => ({
  a: i,
  b: i / 2,
  label: i % 4,
}));

const large: readonly Format[] = [
  {
    name: "CSV",
    write: (root, all) => {
      // With a bad row now and then, long lines, and quotation marks in some of the blocks.
      const rows = all.map(({ a, b, label }) => {
        const row = `${"0".repeat(20)}${a},${b},${label}`;
        return a % 20_000 === 7 ? `"${b}\n",x\n${row}` : row;
      });
      put(root, "t.csv", ["a,b,label", ...rows, ""].join("\n"));
      return { address: "t.csv", features: table };
    },
  },
  {
    name: "JSON Lines",
    write: (root, all) => {
      put(root, "t.jsonl", jsonLinesOf(all));
      return { address: "t.jsonl", features: table };
    },
  },
  {
    name: "Parquet",
    write: (root, all) => {
      put(root, "t.parquet", parquetOf(all, 10_000));
      return { address: "t.parquet", features: table };
    },
  },
  ...formats.filter(({ name }) =>
    ["plain.safetensors", "x.npy and y.npy", "idx", "a folder of CSV"].includes(name),
  ),
];

async function streamed(written: ReturnType<Format["write"]>): Promise<DataStream> {
  const data = await readWritten(folder, written, { memoryMib: 8 });
  if (!("batches" in data)) throw new Error("It is in memory.");
  return data;
}

async function numbersOf(batches: AsyncIterable<Dataset>, size: number): Promise<number[]> {
  const seen: number[] = [];
  for await (const { x, y } of batches) {
    const count = x.shape[0] ?? 0;
    expect(count).toBe(Math.min(size, COUNT - seen.length));
    expect([x.shape, y.shape]).toEqual([[count, 2], [count]]);
    for (let i = 0; i < count; i++) {
      const number = x.values[2 * i] ?? -1;
      if (y.values[i] !== number % 4 || x.values[2 * i + 1] !== number / 2)
        throw new Error("Its label is another's.");
      seen.push(number);
    }
  }
  return seen;
}

describe.each(large)("$name", ({ write }) => {
  test("gives every sample once, in an order that follows from the seed", async () => {
    const stream = await streamed(write(folder, samples));
    expect([stream.x.shape, stream.y.shape]).toEqual([[COUNT, 2], [COUNT]]);
    expect(stream.first.x.shape).toEqual([128, 2]);
    const [one, same, other] = await Promise.all(
      [1, 1, 2].map((seed) => numbersOf(stream.batches(1_000, randomFrom(seed, "epoch")), 1_000)),
    );
    expect(new Set(one).size).toBe(COUNT);
    expect(same).toEqual(one);
    expect(other).not.toEqual(one);
    // Neighbours in the file are not neighbours in the order.
    const neighbours = one?.filter((number, i) => Math.abs(number - (one[i - 1] ?? 0)) === 1).length ?? COUNT;
    expect(neighbours).toBeLessThan(COUNT / 100);
  });
});

describe("what is larger than memory", () => {
  test("counts its bad rows once, however often it is read", async () => {
    const stream = await streamed(large[0]?.write(folder, samples) ?? { address: "" });
    const facts = {
      rows: COUNT + 2,
      refused: [{ reason: "wrong-columns", rows: 2, firstRow: 7 }],
      dropped: 0,
    };
    expect(stream.facts).toEqual(facts);
    await numbersOf(stream.batches(50_000, randomFrom(1)), 50_000);
    expect(stream.facts).toEqual(facts);
  });

  test.each([
    ["t.csv.gz", table, () => gzipSync(csvOf(samples))],
    ["t.npz", undefined, () => formats.find(({ name }) => name === "t.npz")],
  ])("is refused where it cannot be read in parts: %s", async (address, features, content) => {
    const made = content();
    if (made instanceof Uint8Array) put(folder, address, made);
    else made?.write(folder, samples);
    const error = await refusalOf(() => readWritten(folder, { address, features }, { memoryMib: 8 }));
    expect(error).toMatchObject({ code: "too-large", retry: "never" });
    expect(error.message).toMatch(/decompress it|write \.npy files/);
  });

  test("is refused where it may not be streamed", async () => {
    put(folder, "whole.csv", csvOf(samples));
    const error = await refusalOf(() =>
      readWritten(folder, { address: "whole.csv", features: table }, { memoryMib: 8, mayStream: false }),
    );
    expect(error).toMatchObject({ code: "too-large" });
    expect(error.message).toContain(
      "has room for 1 MiB: give the function more memory, or write fewer samples.",
    );
  });

  test("is not read on where it has been replaced", async () => {
    put(folder, "moving.csv", csvOf(samples));
    const stream = await streamed({ address: "moving.csv", features: table });
    writeFileSync(join(folder, "moving.csv"), csvOf(samples.slice(1)));
    const error = await refusalOf(() => numbersOf(stream.batches(100, randomFrom(1)), 100));
    expect(error).toMatchObject({ code: "unavailable", retry: "soon" });
    expect(error.message).toContain("moving.csv was replaced while it was read");
  });
});

describe("batches", () => {
  const pieces = [3, 1, 5].map((count, i) => ({
    count,
    again: async () => ({
      count,
      x: new Float32Array(count).fill(i),
      y: new Float32Array(count).fill(i),
    }),
  }));
  const first = {
    x: { shape: [0, 1], values: new Float32Array(0) },
    y: { shape: [0], values: new Float32Array(0) },
  };
  const shapes = { inputShape: [1], targetShape: [], samples: 9, first, pieces };

  test.each([
    [1, 1, [1, 1, 1, 1, 1, 1, 1, 1, 1]],
    [4, 1, [4, 4, 1]],
    [4, 25, [4, 4, 1]],
    [4, 1_000, [4, 4, 1]],
    [9, 1, [9]],
    [100, 1_000, [9]],
  ])("of %d, from windows of %d bytes, are full but for the last", async (size, windowBytes, sizes) => {
    const small = dataStream({ ...shapes, windowBytes });
    const found: number[] = [];
    const values: number[] = [];
    for await (const { x } of small.batches(size, randomFrom(1))) {
      found.push(x.shape[0] ?? 0);
      values.push(...x.values);
    }
    expect(found).toEqual(sizes);
    expect(values.toSorted()).toEqual([0, 0, 0, 1, 2, 2, 2, 2, 2]);
  });
});

test("one batch is read ahead, and no more", async () => {
  let read = 0;
  const pieces = [0, 1, 2, 3].map((place) => ({
    count: 3,
    again: async () => {
      read++;
      return { count: 3, x: new Float32Array(3).fill(place), y: new Float32Array(3) };
    },
  }));
  const first = {
    x: { shape: [0, 1], values: new Float32Array(0) },
    y: { shape: [0], values: new Float32Array(0) },
  };
  const stream = dataStream({ inputShape: [1], targetShape: [], samples: 12, first, pieces, windowBytes: 1 });
  const seen: number[] = [];
  for await (const { x } of stream.batches(3, randomFrom(1))) {
    // As training does between two steps: the next batch has its turn.
    await new Promise((resolve) => setImmediate(resolve));
    seen.push(x.values[0] ?? -1);
    expect(read).toBe(Math.min(4, seen.length + 1));
  }
  expect(seen.toSorted()).toEqual([0, 1, 2, 3]);
});

describe("readAhead", () => {
  test("asks for one more than has been taken, and ends what is not taken to its end", async () => {
    let [asked, ended] = [0, 0];
    const items = (async function* () {
      try {
        for (;;) yield ++asked;
      } finally {
        ended++;
      }
    })();
    for await (const item of readAhead(items)) {
      await new Promise((resolve) => setImmediate(resolve));
      expect(asked).toBe(item + 1);
      if (item === 3) break;
    }
    expect([asked, ended]).toEqual([4, 1]);
  });

  test("throws where the item that failed is taken, not before", async () => {
    const items = (async function* () {
      yield 1;
      throw new Error("the second");
    })();
    const taken: number[] = [];
    const all = (async () => {
      for await (const item of readAhead(items)) taken.push(item);
    })();
    await expect(all).rejects.toThrow("the second");
    expect(taken).toEqual([1]);
  });
});
