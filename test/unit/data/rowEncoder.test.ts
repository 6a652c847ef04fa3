// What each kind of column becomes, which values are refused for which reason, and which features files fit a
// table.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Features, type TableFeatures } from "../../../shared/core/data/features.ts";
import { rowEncoder } from "../../../shared/core/data/rowEncoder.ts";
import { checkRefused, RowTally } from "../../../shared/core/data/tally.ts";

function tableOf(inputs: readonly unknown[], target: unknown = "label", more: object = {}): TableFeatures {
  const features = Features.parse({ kind: "table", inputs, target, ...more });
  if (features.kind !== "table") throw new Error("a table");
  return features;
}

/** One value as the only input, in a table with a label. */
function encoded(column: object, value: unknown, more: object = {}) {
  const encoder = rowEncoder(tableOf([{ column: "v", ...column }], "label", more), ["v", "label"]);
  const [size = 0] = encoder.inputShape;
  const [x, y] = [new Float32Array(size), new Float32Array(1)];
  const verdict = encoder.encode((place) => (place === 0 ? value : 1), x, 0, y, 0);
  return verdict ?? [...x];
}

const number = { type: "number" };
const category = { type: "category", vocabulary: ["f", "m"] };
const numbers = { type: "numbers", size: 4 };
const words = { type: "text", length: 3, vocabulary: ["good", "bad"] };

describe("a value", () => {
  test.each<[object, unknown, unknown]>([
    [number, 1.5, [1.5]],
    [number, " 1.5 ", [1.5]],
    [number, "-1e2", [-100]],
    [number, BigInt(7), [7]],
    [number, true, [1]],
    [number, "False", [0]],
    [number, "", "missing-value"],
    [number, "NA", "missing-value"],
    [number, null, "missing-value"],
    [number, Number.NaN, "missing-value"],
    [number, "1,5", "not-a-number"],
    [number, "0x10", "not-a-number"],
    [number, "0b0", "not-a-number"],
    [number, "Infinity", "not-a-number"],
    [number, "1e39", "not-a-number"],
    [number, [1], "not-a-number"],
    [number, new Date(0), "not-a-number"],
    [{ ...number, scale: { min: 10, max: 20 } }, 15, [0.5]],
    [{ ...number, scale: { mean: 10, deviation: 2 } }, 14, [2]],
    [{ ...number, scale: { divisor: 255 } }, 255, [1]],
    [{ ...number, missing: 10, scale: { min: 0, max: 20 } }, "", [0.5]],
    [{ ...number, missing: "drop" }, "", "dropped"],
    [{ ...number, classes: 3 }, 2, [2]],
    [{ ...number, classes: 3 }, 3, "not-a-class"],
    [{ ...number, classes: 3 }, 0.5, "not-a-class"],
    [category, "m", [0, 1]],
    [{ ...category, encode: "number" }, "m", [1]],
    [{ ...category, vocabulary: ["1", "true"] }, true, [0, 1]],
    [{ ...category, vocabulary: ["1", "true"] }, 1, [1, 0]],
    [category, "x", "not-in-vocabulary"],
    [category, "constructor", "not-in-vocabulary"],
    [category, "", "missing-value"],
    [{ ...category, other: "drop" }, "x", "dropped"],
    [{ ...category, other: "class" }, "", [0, 0, 1]],
    [numbers, [1, 2, 3, 4], [1, 2, 3, 4]],
    [
      numbers,
      [
        [1, 2],
        [3, "4"],
      ],
      [1, 2, 3, 4],
    ],
    [numbers, Float64Array.of(1, 2, 3, 4), [1, 2, 3, 4]],
    [numbers, [1, 2, 3], "wrong-size"],
    [numbers, [1, 2, 3, 4, 5], "wrong-size"],
    [numbers, [1, 2, 3, null], "missing-value"],
    [numbers, "1234", "wrong-size"],
    [numbers, {}, "not-a-number"],
    [{ ...numbers, scale: { divisor: 2 } }, [2, 4, 6, 8], [1, 2, 3, 4]],
    [words, "Good, BAD & ugly things", [2, 3, 1]],
    [words, "good", [2, 0, 0]],
    [words, "", "missing-value"],
    [{ ...words, lowerCase: false }, "Good bad", [1, 3, 0]],
    [{ ...words, unit: "characters", vocabulary: ["é", "👍"] }, "👍éx", [3, 2, 1]],
  ])("of %o: %o is %o", (column, value, expected) => {
    expect(encoded(column, value)).toEqual(expected);
  });

  test("of any kind gives finite numbers or a reason, and never throws", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(number, category, numbers, words, { ...number, scale: { min: -1e30, max: 1e30 } }),
        fc.oneof(fc.anything(), fc.double().map(String), fc.string()),
        (column, value) => {
          const found = encoded(column, value);
          if (typeof found !== "string") expect(found.every(Number.isFinite)).toBe(true);
        },
      ),
    );
  });
});

describe("a features file", () => {
  test("names columns by patterns, in the table's order, and gives them a shape", () => {
    const features = tableOf(["p*", "z*_*"], "label", { shape: [2, 2] });
    const encoder = rowEncoder(features, ["p2", "label", "p1", "z1_a", "zz", "z_"]);
    expect(encoder.inputShape).toEqual([2, 2]);
    expect(encoder.columns).toEqual([0, 1, 2, 3, 5]);
    const [x, y] = [new Float32Array(4), new Float32Array(1)];
    encoder.encode((place) => place, x, 0, y, 0);
    expect([[...x], [...y]]).toEqual([[0, 2, 3, 5], [1]]);
  });

  test("may have several targets, a category as its number", () => {
    const target = [{ column: "v", type: "category", vocabulary: ["a", "b"] }, "w"];
    const encoder = rowEncoder(tableOf(["x"], target), ["x", "v", "w"]);
    expect(encoder.targetShape).toEqual([2]);
    expect(rowEncoder(tableOf(["x"], target[0]), ["x", "v"]).targetShape).toEqual([]);
  });

  test("that does not fit the table is refused with every problem, and none of the table's names", () => {
    const features = tableOf(["a", "b", "c*", "twice"], "label");
    expect(() => rowEncoder(features, ["a", "ssn", "twice", "twice"])).toThrow(
      expect.objectContaining({
        code: "invalid-argument",
        problems: [
          { path: "inputs.1", message: 'there is no column "b"' },
          { path: "inputs.2", message: 'there is no column "c*"' },
          { path: "inputs.3", message: 'there are 2 columns "twice"' },
          { path: "target.0", message: 'there is no column "label"' },
        ],
        message: expect.not.stringContaining("ssn"),
      }),
    );
    const shaped = tableOf(["a"], "label", { shape: [2, 3] });
    expect(() => rowEncoder(shaped, ["a", "label"])).toThrow("[2, 3] takes 6 values, and the inputs have 1");
  });

  test.each([
    [{}, "kind"],
    [{ kind: "tables" }, "kind"],
    [{ kind: "table", inputs: [], target: "y" }, "inputs"],
    [{ kind: "table", inputs: ["a"], target: "y", input: 1 }, ""],
    [{ kind: "table", inputs: ["a"], target: "y", delimiter: "ab" }, "delimiter"],
    [{ kind: "table", inputs: ["a"], target: "y", maxRefusedShare: 2 }, "maxRefusedShare"],
    [{ kind: "images", classes: ["a", "a"], height: 1, width: 1 }, "classes"],
    [{ kind: "images", classes: ["a"], height: 1, width: 1, channels: 2 }, "channels"],
    [{ kind: "text", length: 2 }, "vocabulary"],
    [{ kind: "text", length: 2, unit: "bytes", vocabulary: ["a"] }, "vocabulary"],
    [{ kind: "arrays", divisor: 0 }, "divisor"],
  ])("%j is refused at %j", (features, path) => {
    const parsed = Features.safeParse(features);
    expect(parsed.error?.issues.map((issue) => issue.path.join("."))).toContain(path);
  });
});

describe("the tally", () => {
  test("counts by reason, with the first place of each, the most frequent first", () => {
    const tally = new RowTally();
    for (const verdict of [null, "bad-syntax", "missing-value", "dropped", "missing-value"] as const)
      tally.count(verdict);
    tally.countUsed(5);
    expect(tally.facts()).toEqual({
      rows: 10,
      refused: [
        { reason: "missing-value", rows: 2, firstRow: 2 },
        { reason: "bad-syntax", rows: 1, firstRow: 1 },
      ],
      dropped: 1,
    });
  });

  test("bounds the share of refused rows, inclusively", () => {
    const facts = { rows: 10, refused: [{ reason: "bad-syntax", rows: 1, firstRow: 4 }], dropped: 0 };
    expect(() => checkRefused(facts, 0.1, "here")).not.toThrow();
    expect(() => checkRefused(facts, 0.09, "here")).toThrow(
      "Bad data set at here: 1 of its 10 rows cannot be used, more than the share maxRefusedShare = 0.09: bad-syntax 1 (first: row 4); rows are counted from 0.",
    );
    expect(() => checkRefused({ rows: 2, refused: [], dropped: 2 }, 1, "here")).toThrow(
      "none of its 2 rows can be used: dropped as the features file says 2",
    );
    expect(() => checkRefused({ rows: 0, refused: [], dropped: 0 }, 1, "here")).toThrow("none of its 0 rows");
  });
});
