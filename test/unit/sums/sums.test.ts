// Running sums: every implementation by the same rules, and all of them with the same bytes.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createSums } from "../../../shared/core/sums/createSums.ts";
import { portableSums } from "../../../shared/core/sums/portableSums.ts";
import { simdSums } from "../../../shared/core/sums/simdSums.ts";
import type { Sums } from "../../../shared/core/sums/sums.ts";

function vectorSums(count: number): Sums {
  const sums = simdSums(count);
  if (sums === null) throw new Error("Node has had these vectors since version 16.");
  return sums;
}

/** The same values, in the sums' own room at a place that may be any multiple of four. */
function inRoom(sums: Sums, values: Float32Array, shift: number): Float32Array {
  const room = sums.room(values.byteLength + 4 * shift);
  const placed = new Float32Array(room.buffer, room.byteOffset + 4 * shift, values.length);
  placed.set(values);
  return placed;
}

describe.each([
  ["portable", portableSums],
  ["vectors", vectorSums],
])("%s", (_, create) => {
  it("begins at zero and adds weighted values where they belong", () => {
    const sums = create(5);
    sums.add(1, Float32Array.of(1, 2, 3), 2);
    sums.add(3, Float32Array.of(10), 0.5);
    expect([...sums.view(0, 5)]).toEqual([0, 2, 4, 11, 0]);
    expect([...sums.view(2, 2)]).toEqual([4, 11]);
  });

  it("adds in float64", () => {
    const sums = create(1);
    sums.add(0, Float32Array.of(2 ** 30), 1);
    sums.add(0, Float32Array.of(2 ** -20), 1);
    expect(sums.view(0, 1)[0]).toBe(2 ** 30 + 2 ** -20);
  });

  it("keeps its sums when its room grows, and its room when sums are added", () => {
    const sums = create(3);
    sums.add(0, Float32Array.of(1, 2, 3), 1);
    const room = sums.room(300_000);
    room.fill(7);
    sums.add(0, new Float32Array(3).fill(1), 1);
    expect(room.every((byte) => byte === 7)).toBe(true);
    expect([...sums.view(0, 3)]).toEqual([2, 3, 4]);
    expect(sums.room(0).byteLength).toBe(0);
  });

  it("refuses what reaches beyond its sums, and changes nothing", () => {
    const sums = create(3);
    expect(() => sums.add(1, new Float32Array(3).fill(1), 1)).toThrow(RangeError);
    expect(() => sums.add(-1, new Float32Array(1).fill(1), 1)).toThrow(RangeError);
    expect(() => sums.add(Number.NaN, new Float32Array(1).fill(1), 1)).toThrow(RangeError);
    expect(() => sums.view(0, 4)).toThrow(RangeError);
    expect([...sums.view(0, 3)]).toEqual([0, 0, 0]);
  });

  it("may be empty", () => {
    const sums = create(0);
    sums.add(0, new Float32Array(0), 1);
    expect(sums.view(0, 0)).toHaveLength(0);
  });
});

describe("every implementation", () => {
  const values = fc.float32Array({ maxLength: 70, noNaN: true, noDefaultInfinity: true });
  const addition = fc.record({
    start: fc.nat({ max: 9 }),
    values,
    weight: fc.double({ min: 1e-6, max: 1e15, noNaN: true }),
    place: fc.constantFrom("elsewhere" as const, 0, 1, 2, 3),
  });

  it("gives the same bytes, wherever the values lie", () => {
    fc.assert(
      fc.property(fc.array(addition, { maxLength: 8 }), (additions) => {
        const [one, other] = [portableSums(79), vectorSums(79)];
        for (const { start, values, weight, place } of additions) {
          one.add(start, values, weight);
          other.add(start, place === "elsewhere" ? values : inRoom(other, values, place), weight);
        }
        expect(Buffer.from(other.view(0, 79).slice().buffer)).toEqual(
          Buffer.from(one.view(0, 79).slice().buffer),
        );
      }),
    );
  });

  it("gives the same bytes for values that span several blocks", () => {
    const values = Float32Array.from({ length: 5_003 }, (_, i) => Math.sin(i) / (i + 1));
    const [one, other, third] = [portableSums(5_010), vectorSums(5_010), vectorSums(5_010)];
    for (const weight of [3, 1 / 3, 1e12]) {
      one.add(7, values, weight);
      other.add(7, values, weight);
      third.add(7, inRoom(third, values, 1), weight);
    }
    expect(other.view(0, 5_010)).toEqual(one.view(0, 5_010));
    expect(third.view(0, 5_010)).toEqual(one.view(0, 5_010));
  });

  it("leaves the values as they are", () => {
    fc.assert(
      fc.property(values, (given) => {
        const before = given.slice();
        createSums(70).add(0, given, 3);
        expect(given).toEqual(before);
      }),
    );
  });
});

describe("too many sums for one piece of memory", () => {
  it("are left to the portable way", () => {
    expect(simdSums(2 ** 29)).toBeNull();
  });
});
