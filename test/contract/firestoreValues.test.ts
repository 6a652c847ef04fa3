// The order of values, on which every query rests, as properties of the functions that define it.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseFieldPath, valueAt, withValueAt } from "../../infra/box/firestore/fieldPaths.ts";
import type { Value } from "../../infra/box/firestore/messages.ts";
import {
  array,
  compareNames,
  compareUtf8,
  compareValues,
  double,
  integer,
  map,
  nullValue,
  reference,
  timestamp,
} from "../../infra/box/firestore/values.ts";
import { runs } from "../support/tier.ts";

/** Any code units, surrogates with and without their other half too. */
const text = fc.string({ unit: "binary", maxLength: 4 });

const { value: anyValue } = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.constant(nullValue),
    fc.boolean().map((booleanValue): Value => ({ valueType: "booleanValue", booleanValue })),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(integer),
    fc.integer({ min: -2, max: 2 }).map(integer),
    fc.double().map(double),
    fc.integer({ min: -2, max: 2 }).map(double),
    fc
      .tuple(fc.integer(), fc.nat(999_999))
      .map(([seconds, us]) => timestamp({ seconds: `${seconds}`, nanos: us * 1_000 })),
    text.map((stringValue): Value => ({ valueType: "stringValue", stringValue })),
    fc
      .uint8Array({ maxLength: 3 })
      .map((bytes): Value => ({ valueType: "bytesValue", bytesValue: Buffer.from(bytes) })),
    fc
      .constantFrom("a/b", "a/b/c/d", "a/b-", "a/c")
      .map((path) => reference(`projects/p/databases/d/documents/${path}`)),
    fc
      .record({ latitude: fc.constantFrom(-1, 0, 1), longitude: fc.constantFrom(-1, 0, 1) })
      .map((geoPointValue): Value => ({ valueType: "geoPointValue", geoPointValue })),
    fc.array(tie("value"), { maxLength: 3 }).map(array),
    fc
      .dictionary(fc.constantFrom("a", "b", "c"), tie("value"), { maxKeys: 3, noNullPrototype: true })
      .map(map),
  ),
}));

describe("the order of values", () => {
  it("is total: every two compare, either way round, and a third fits in", () => {
    fc.assert(
      fc.property(anyValue, anyValue, anyValue, (a, b, c) => {
        expect(compareValues(a, a)).toBe(0);
        expect(Math.sign(compareValues(a, b))).toBe(0 - Math.sign(compareValues(b, a)));
        const [low, middle, high] = [a, b, c].sort(compareValues);
        if (low !== undefined && middle !== undefined && high !== undefined) {
          expect(compareValues(low, middle)).toBeLessThanOrEqual(0);
          expect(compareValues(middle, high)).toBeLessThanOrEqual(0);
          expect(compareValues(low, high)).toBeLessThanOrEqual(0);
        }
      }),
      { numRuns: runs(2_000) },
    );
  });

  it("compares integers and doubles by their exact value", () => {
    expect(compareValues(integer(2n ** 53n + 1n), double(2 ** 53))).toBeGreaterThan(0);
    expect(compareValues(integer(2n ** 63n - 1n), double(2 ** 63))).toBeLessThan(0);
    expect(compareValues(integer(1), double(1))).toBe(0);
    expect(compareValues(double(-0), double(0))).toBe(0);
    expect(compareValues(double(Number.NaN), double(Number.NEGATIVE_INFINITY))).toBeLessThan(0);
    expect(compareValues(double(Number.NaN), integer(-(2n ** 63n)))).toBeLessThan(0);
    expect(compareValues(double(Number.NaN), double(Number.NaN))).toBe(0);
  });

  it("is that of the bytes for strings", () => {
    const wellFormed = text.filter((each) => each.isWellFormed());
    fc.assert(
      fc.property(wellFormed, wellFormed, (a, b) => {
        expect(Math.sign(compareUtf8(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
      }),
      { numRuns: runs(2_000) },
    );
  });

  it("puts a document before what is inside it, and that before the next document", () => {
    const names = ["a/b", "a/b/c/d", "a/b/c0/d", "a/b-", "a/b-/c/d", "a/ba"];
    expect(names.toReversed().sort(compareNames)).toEqual(names);
  });
});

describe("field paths", () => {
  it.each([
    ["a", ["a"]],
    ["a.b_1._c", ["a", "b_1", "_c"]],
    ["`a.b`.c", ["a.b", "c"]],
    ["a.`\\`\\\\`", ["a", "`\\"]],
    ["`é 😀`", ["é 😀"]],
  ])("reads %s", (path, segments) => {
    expect(parseFieldPath(path)).toEqual(segments);
  });

  it.each(["", ".", "a.", ".a", "a..b", "a b", "1a", "`a", "``", "a`b`", "`a`b", "é"])(
    "refuses %j",
    (path) => {
      expect(() => parseFieldPath(path)).toThrow(expect.objectContaining({ code: "invalid-argument" }));
    },
  );

  it("find only what the document itself holds", () => {
    expect(valueAt({}, ["constructor"])).toBeUndefined();
    expect(valueAt({ a: map({}) }, ["a", "toString"])).toBeUndefined();
    expect(withValueAt({}, ["constructor", "name"], undefined)).toEqual({});
  });

  it("set a value and take it away again, leaving the document that was given as it was", () => {
    const fields = { a: map({ b: integer(1) }), c: integer(2) };
    const copy = structuredClone(fields);
    const changed = withValueAt(fields, ["a", "x", "y"], integer(3));
    expect(valueAt(changed, ["a", "x", "y"])).toEqual(integer(3));
    expect(valueAt(changed, ["a", "b"])).toEqual(integer(1));
    expect(withValueAt(changed, ["a", "x"], undefined)).toEqual(fields);
    expect(fields).toEqual(copy);
  });
});
