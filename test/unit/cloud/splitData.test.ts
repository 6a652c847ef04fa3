// A client's data in two: what is trained on and what is validated on, from memory and from a stream alike.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { dataStream } from "../../../shared/cloud/data/dataStream.ts";
import { type SplitData, splitData } from "../../../shared/cloud/tensors/splitData.ts";
import type { DataStream, Dataset } from "../../../shared/core/ports/trainer.ts";
import { randomFrom } from "../../../shared/core/random.ts";

const WIDTH = 3;

/** Every row is another one: its number is its first value, and its target. */
function dataset(count: number): Dataset {
  const random = randomFrom("split", count);
  const x = new Float32Array(count * WIDTH).map((_, i) =>
    i % WIDTH === 0 ? Math.floor(i / WIDTH) : random.normal(),
  );
  const y = new Float32Array(count).map((_, i) => i);
  return { x: { shape: [count, WIDTH], values: x }, y: { shape: [count], values: y } };
}

/** The same rows in pieces that are read again, as larger data are. */
function stream(data: Dataset, pieceRows: number): DataStream {
  const count = data.x.shape[0] ?? 0;
  const rows = (begin: number, end: number) => ({
    count: end - begin,
    x: data.x.values.slice(begin * WIDTH, end * WIDTH),
    y: data.y.values.slice(begin, end),
  });
  const pieces = Array.from({ length: Math.ceil(count / pieceRows) }, (_, i) => {
    const [begin, end] = [i * pieceRows, Math.min(count, (i + 1) * pieceRows)];
    return { count: end - begin, again: async () => rows(begin, end) };
  });
  const first = rows(0, Math.min(128, count));
  return dataStream({
    inputShape: [WIDTH],
    targetShape: [],
    samples: count,
    first: {
      x: { shape: [first.count, WIDTH], values: first.x },
      y: { shape: [first.count], values: first.y },
    },
    pieces,
    windowBytes: 64,
  });
}

async function split(data: Dataset | DataStream, share: number, seed = 1): Promise<SplitData> {
  const found = await splitData(data, seed, share);
  if (typeof found === "string") throw new Error(found);
  return found;
}

async function batchesOf(data: DataStream, size: number, seed = 5): Promise<Dataset[]> {
  const batches: Dataset[] = [];
  for await (const batch of data.batches(size, randomFrom(seed))) batches.push(batch);
  return batches;
}

/** The rows' numbers, as they come; checks that the rows are whole. */
async function rowsOf(data: DataStream, whole: Dataset, size: number, seed = 5): Promise<number[]> {
  const numbers: number[] = [];
  for (const { x, y } of await batchesOf(data, size, seed)) {
    expect(x.shape).toEqual([y.shape[0], WIDTH]);
    for (const [i, row] of y.values.entries()) {
      const at = row * WIDTH;
      expect([...x.values.subarray(i * WIDTH, (i + 1) * WIDTH)]).toEqual([
        ...whole.x.values.subarray(at, at + WIDTH),
      ]);
      numbers.push(row);
    }
  }
  return numbers;
}

const ascending = (numbers: readonly number[]) => [...numbers].sort((a, b) => a - b);

describe("data that are split", () => {
  test("are complete and disjoint, and the same from memory and from a stream", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 2, max: 150 }),
        fc.integer({ min: 1, max: 90 }),
        fc.integer({ min: 1, max: 40 }),
        fc.double({ min: 0.01, max: 0.5, noNaN: true }),
        fc.nat(100),
        async (count, pieceRows, size, share, seed) => {
          const whole = dataset(count);
          const before = [...whole.x.values];
          const [held, streamed] = [
            await split(whole, share, seed),
            await split(stream(whole, pieceRows), share, seed),
          ];
          const sides = ["training", "validation"] as const;
          const [training = [], validation = []] = await Promise.all(
            sides.map(async (side) => ascending(await rowsOf(held[side], whole, size))),
          );
          expect(ascending([...training, ...validation])).toEqual(Array.from({ length: count }, (_, i) => i));
          expect(Math.min(training.length, validation.length)).toBeGreaterThan(0);
          for (const side of sides) {
            expect(ascending(await rowsOf(streamed[side], whole, size, 9))).toEqual(
              side === "training" ? training : validation,
            );
            expect(streamed[side].x.shape).toEqual(held[side].x.shape);
            expect(held[side].y.shape).toEqual([side === "training" ? training.length : validation.length]);
          }
          expect([...whole.x.values]).toEqual(before);
        },
      ),
    );
  });

  test("come in batches of the size that is asked for, and a smaller last one", async () => {
    const whole = dataset(100);
    for (const data of [whole, stream(whole, 13)]) {
      const { training } = await split(data, 0.2);
      const sizes = (await batchesOf(training, 32)).map(({ x }) => x.shape[0] ?? 0);
      const count = training.x.shape[0] ?? 0;
      expect(sizes).toEqual([32, 32, ...(count > 64 ? [count - 64] : [])]);
    }
  });

  test("come in another order with another draw, and in the same with the same", async () => {
    const whole = dataset(60);
    for (const data of [whole, stream(whole, 7)]) {
      const { training } = await split(data, 0.2);
      const [one, again, other] = [
        await rowsOf(training, whole, 8, 1),
        await rowsOf(training, whole, 8, 1),
        await rowsOf(training, whole, 8, 2),
      ];
      expect(again).toEqual(one);
      expect(other).not.toEqual(one);
    }
  });

  test("have as many first samples as there are, up to 128, of their own side", async () => {
    for (const count of [40, 400]) {
      const whole = dataset(count);
      for (const data of [whole, stream(whole, 50)]) {
        for (const side of Object.values(await split(data, 0.25)) as DataStream[]) {
          const all = new Set(await rowsOf(side, whole, 32));
          expect(side.first.x.shape).toEqual([Math.min(128, all.size), WIDTH]);
          expect([...side.first.y.values].every((row) => all.has(row))).toBe(true);
        }
      }
    }
  });

  test("keep each row on its side when rows are appended", async () => {
    const [few, more] = [dataset(500), dataset(500)];
    const grown: Dataset = {
      x: { shape: [900, WIDTH], values: new Float32Array([...few.x.values, ...dataset(400).x.values]) },
      y: { shape: [900], values: new Float32Array([...more.y.values, ...dataset(400).y.values]) },
    };
    const [before, after] = [await split(few, 0.1), await split(grown, 0.1)];
    const validated = async ({ validation }: SplitData) => {
      const batches = await batchesOf(validation, 1_000);
      return new Set(batches.flatMap(({ x }) => [...x.values].map((value) => value)));
    };
    const then = await validated(after);
    expect([...(await validated(before))].every((value) => then.has(value))).toBe(true);
  });

  test("say why nothing can be kept apart", async () => {
    const alike: Dataset = {
      x: { shape: [9, WIDTH], values: new Float32Array(9 * WIDTH).fill(0.5) },
      y: { shape: [9], values: new Float32Array(9) },
    };
    for (const data of [alike, stream(alike, 2)]) expect(await splitData(data, 1, 0.5)).toBe("rows-alike");
    for (const data of [dataset(1), stream(dataset(1), 1)]) {
      expect(await splitData(data, 1, 0.5)).toBe("too-few-rows");
    }
  });

  test("are refused where samples and labels do not fit each other", async () => {
    const { x } = dataset(4);
    await expect(splitData({ x, y: dataset(3).y }, 1, 0.5)).rejects.toThrow(/4 samples but 3 labels/);
  });
});
