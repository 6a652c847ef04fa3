// Which rows are validated on: the same ones in every language, order and batch, and as many as the share
// says.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type RowValues, rowHashes, ShareCounter } from "../../../shared/core/data/validationShare.ts";
import { murmur3 } from "../../../shared/core/murmur3.ts";
import { randomFrom } from "../../../shared/core/random.ts";
import vectors from "../../vectors/validationShare.json" with { type: "json" };

function rows(count: number, seed = 1, width = 3): RowValues {
  const random = randomFrom(seed, "rows");
  const drawn = (length: number) => new Float32Array(length).map(() => random.normal());
  return { count, x: drawn(count * width), y: drawn(count) };
}

function part({ x, y }: RowValues, begin: number, end: number, width = 3): RowValues {
  return { count: end - begin, x: x.subarray(begin * width, end * width), y: y.subarray(begin, end) };
}

function cutOf(hashes: readonly Uint32Array[], share: number) {
  const counter = new ShareCounter(share);
  for (const some of hashes) counter.add(some);
  return counter.cut();
}

const of = (...hashes: number[]) => [Uint32Array.from(hashes)];

describe("a row's hash", () => {
  test.each(vectors.cases)(
    "is what mmh3 makes of the seed $seed and the values",
    ({ seed, x, y, hashes }) => {
      const values = {
        count: x.shape[0] ?? 0,
        x: Float32Array.from(x.values),
        y: Float32Array.from(y.values),
      };
      expect([...rowHashes(values, seed)]).toEqual(hashes);
    },
  );

  test("is MurmurHash3 of its bytes", () => {
    const { x, y } = rows(1);
    const bytes = new Uint8Array(8 + x.byteLength + y.byteLength);
    new DataView(bytes.buffer).setBigUint64(0, 7n, true);
    bytes.set(new Uint8Array(x.buffer), 8);
    bytes.set(new Uint8Array(y.buffer), 8 + x.byteLength);
    expect([...rowHashes({ count: 1, x, y }, 7)]).toEqual([murmur3(bytes, 0)]);
  });

  test("is the same wherever the row lies", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.nat(1_000), fc.nat(60), (count, seed, at) => {
        const all = rows(count, seed);
        const before = [...all.x];
        const hashes = rowHashes(all, seed);
        const begin = Math.min(at, count - 1);
        expect([...rowHashes(part(all, begin, count), seed)]).toEqual([...hashes.subarray(begin)]);
        expect([...all.x]).toEqual(before);
      }),
    );
  });

  test("is of nothing where there are no rows", () => {
    expect([...rowHashes({ count: 0, x: new Float32Array(), y: new Float32Array() }, 1)]).toEqual([]);
  });
});

describe("the cut", () => {
  test("is at the share, below it exclusively", () => {
    const quarter = 2 ** 30;
    expect(cutOf(of(0, quarter - 1, quarter, 2 ** 32 - 1), 0.25)).toEqual({
      below: quarter,
      validationRows: 2,
      trainingRows: 2,
    });
  });

  test("leaves one row at least on each side", () => {
    expect(cutOf(of(9e8, 5e8, 5e8, 3e9), 0.1)).toEqual({
      below: 5e8 + 1,
      validationRows: 2,
      trainingRows: 2,
    });
    expect(cutOf(of(1, 2, 3), 0.5)).toEqual({ below: 3, validationRows: 2, trainingRows: 1 });
    expect(cutOf(of(0, 2 ** 32 - 1), 0.01)).toEqual({
      below: 42_949_672,
      validationRows: 1,
      trainingRows: 1,
    });
  });

  test("is none where nothing can be kept apart", () => {
    expect(cutOf([], 0.5)).toBe("too-few-rows");
    expect(cutOf(of(5), 0.5)).toBe("too-few-rows");
    expect(cutOf(of(5, 5, 5), 0.5)).toBe("rows-alike");
    expect(cutOf(of(4e9, 4e9), 0.5)).toBe("rows-alike");
  });

  test("does not depend on the order or the parts in which hashes come, and counts all of them", () => {
    const hash = fc.oneof(fc.integer({ min: 0, max: 2 ** 32 - 1 }), fc.nat(3));
    const share = fc.double({ min: 0.01, max: 0.5, noNaN: true });
    fc.assert(
      fc.property(fc.array(hash, { minLength: 2, maxLength: 50 }), share, fc.nat(50), (hashes, share, at) => {
        const whole = cutOf(of(...hashes), share);
        const turned = [...hashes.slice(at), ...hashes.slice(0, at)];
        expect(cutOf([...of(...turned.slice(0, 7)), ...of(...turned.slice(7))], share)).toEqual(whole);
        if (typeof whole === "string") {
          expect(whole).toBe("rows-alike");
          expect(new Set(hashes).size).toBe(1);
          return;
        }
        const { below, validationRows, trainingRows } = whole;
        expect(validationRows).toBe(hashes.filter((value) => value < below).length);
        expect(validationRows + trainingRows).toBe(hashes.length);
        expect(Math.min(validationRows, trainingRows)).toBeGreaterThan(0);
      }),
    );
  });

  test("takes no row to the other side when rows are appended, once there are some on both", () => {
    fc.assert(
      fc.property(fc.nat(1_000), fc.integer({ min: 1, max: 200 }), (seed, more) => {
        const hashes = rowHashes(rows(200 + more, seed), seed);
        const [before, after] = [cutOf([hashes.subarray(0, 200)], 0.2), cutOf([hashes], 0.2)];
        if (typeof before === "string" || typeof after === "string") throw new Error("there is a share");
        expect(after.below).toBe(before.below);
      }),
    );
  });

  test.each([0.01, 0.1, 0.25, 0.5])(
    "keeps %d of many rows apart, within five standard deviations",
    (share) => {
      const count = 20_000;
      const cut = cutOf([rowHashes(rows(count, 3), 11)], share);
      if (typeof cut === "string") throw new Error("there is a share");
      const deviation = Math.sqrt(count * share * (1 - share));
      expect(Math.abs(cut.validationRows - count * share)).toBeLessThan(5 * deviation);
    },
  );

  test("draws other rows with another seed", () => {
    const all = rows(1_000);
    const sides = [1, 2].map((seed) => [...rowHashes(all, seed)].map((hash) => hash < 0.1 * 2 ** 32));
    const both = sides[0]?.filter((isIn, i) => isIn && sides[1]?.[i]).length ?? 0;
    // 10 are expected where the two are independent.
    expect(both).toBeLessThan(35);
  });
});
