// What a column is taken for, and the features file that comes of it: valid, and without a value unless it is
// asked for.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type ColumnProfile, ColumnProfiler } from "../../../../infra/data/inspect/columnProfile.ts";
import { suggestFeatures } from "../../../../infra/data/inspect/suggest.ts";
import { Features } from "../../../../shared/core/data/features.ts";

function profileOf(values: readonly unknown[], name = "a"): ColumnProfile {
  const profiler = new ColumnProfiler(name);
  for (const value of values) profiler.add(value);
  return profiler.profile();
}

const times = <T>(count: number, of: (i: number) => T) => Array.from({ length: count }, (_, i) => of(i));

describe("a column of long values", () => {
  const long = (i: number) => `${"x".repeat(300)}${i}`;

  test("counts those that differ, and no two of them as one", () => {
    expect(profileOf(times(1_000, long))).toMatchObject({ kind: "text", distinct: 1_000, isKey: true });
    expect(profileOf(times(1_001, long)).distinct).toBeNull();
    expect(profileOf(times(40, (i) => long(i % 20)))).toMatchObject({ distinct: 20, isKey: false });
    expect(profileOf(times(4, () => "0".repeat(300)))).toMatchObject({ kind: "number", values: null });
  });

  test("takes no more memory the longer they are", () => {
    setFlagsFromString("--expose-gc");
    const collect: () => void = runInNewContext("gc");
    const profiler = new ColumnProfiler("a");
    collect();
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < 1_000; i++) profiler.add(Buffer.alloc(20_000, `${i} `).toString("latin1"));
    collect();
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(4e6);
    expect(profiler.profile().distinct).toBe(1_000);
  });
});

describe("a column", () => {
  test.each<[string, readonly unknown[], Partial<ColumnProfile>]>([
    ["of nothing", ["", "NA", null, undefined, Number.NaN], { kind: "empty", missing: 5, distinct: 0 }],
    [
      "of whole numbers",
      ["1", " 2 ", 3, 4n],
      { kind: "number", isWhole: true, range: [1, 4], isCode: false },
    ],
    ["of numbers", ["1.5", "-2e3", ""], { kind: "number", isWhole: false, missing: 1, range: [-2000, 1.5] }],
    ["of numbers and texts", ["1", "x"], { kind: "category", distinct: 2, range: null }],
    ["of codes", ["007", "12"], { kind: "number", isCode: true }],
    ["of numbers that no float holds", ["12345678901234567890"], { kind: "number", isCode: true }],
    ["of zeros", ["0", "0.5"], { kind: "number", isCode: false }],
    ["of truth values", ["true", "False", true], { kind: "flag", isWhole: false }],
    ["of endless numbers", ["Infinity"], { kind: "category" }],
    ["of lists", [[1, 2], Float32Array.of(1, 2), [[1], [2]]], { kind: "list", listSize: 2, distinct: null }],
    ["of lists of several sizes", [[1], [1, 2]], { kind: "other", listSize: null }],
    ["of empty lists", [[], []], { kind: "other", listSize: null }],
    ["of long texts", ["x".repeat(201), "y"], { kind: "text", values: null }],
    ["of objects", [{ a: 1 }], { kind: "other" }],
    ["of lists of texts", [["a"]], { kind: "other" }],
    ["of a hundred texts", times(200, (i) => `t${i % 100}`), { kind: "category", distinct: 100 }],
    ["of more texts", times(202, (i) => `t${i % 101}`), { kind: "text", distinct: 101, values: null }],
    ["of more than are counted", times(1_001, (i) => i), { kind: "number", distinct: null, isKey: false }],
    ["of row numbers", times(20, (i) => i), { kind: "number", isKey: true }],
    ["of few numbers", times(19, (i) => i), { kind: "number", isKey: false }],
    ["of measures", times(40, (i) => i + 0.5), { kind: "number", isKey: false }],
    ["of names", times(40, (i) => `n${i}`), { kind: "category", isKey: true }],
  ])("%s", (_what, values, expected) => {
    expect(profileOf(values)).toMatchObject({ rows: values.length, ...expected });
  });

  test("counts every row, and those before it came up as missing", () => {
    const profiler = new ColumnProfiler("late");
    profiler.skip(3);
    profiler.add("b");
    profiler.add("a");
    profiler.add("a");
    expect(profiler.profile()).toMatchObject({
      rows: 6,
      missing: 3,
      values: [
        { value: "a", rows: 2 },
        { value: "b", rows: 1 },
      ],
    });
  });
});

const anyValue = fc.oneof(
  fc.string(),
  fc.double(),
  fc.bigInt(),
  fc.boolean(),
  fc.constant(null),
  fc.array(fc.integer(), { maxLength: 3 }),
);

describe("a suggestion", () => {
  const columns = [
    profileOf(
      times(30, (i) => `secret${i}`),
      "id",
    ),
    profileOf(["4217", "", "4219"], "age"),
    profileOf(["crimson", "azure", ""], "colour"),
    profileOf(["yes", "no", "yes"], "outcome"),
    profileOf([[1, 2]], "signal"),
    profileOf([""], "nothing"),
  ];

  test("names inputs and target, and what is left out with the reason", () => {
    const { features, notes } = suggestFeatures(columns, { label: undefined, withValues: true });
    expect(features).toEqual({
      kind: "table",
      inputs: [
        { column: "age", type: "number", scale: { min: 4217, max: 4219 }, missing: "drop" },
        { column: "colour", type: "category", vocabulary: ["azure", "crimson"], other: "class" },
        { column: "signal", type: "numbers", size: 2 },
      ],
      target: { column: "outcome", type: "category", vocabulary: ["no", "yes"] },
    });
    expect(notes.join(" ")).toMatch(/"outcome" is a guess.*"id" is left out.*"nothing" is left out/);
  });

  test("has no value unless it is asked for", () => {
    const { features, notes } = suggestFeatures(columns, { label: "outcome", withValues: false });
    expect(JSON.stringify([features, notes])).not.toMatch(/421|crimson|azure|yes|secret/);
    expect(Features.safeParse(features).success).toBe(true);
    expect(notes.join(" ")).not.toContain("guess");
  });

  test("is none where there is no target, or no input", () => {
    expect(suggestFeatures([], { label: undefined, withValues: true }).features).toBeNull();
    const [, , , outcome] = columns;
    const only = outcome === undefined ? [] : [outcome];
    expect(suggestFeatures(only, { label: undefined, withValues: true }).features).toBeNull();
  });

  test("leaves rows without a label out, and names what they lack as an input", () => {
    const { features } = suggestFeatures(columns, { label: "colour", withValues: true });
    expect(features).toMatchObject({
      target: { column: "colour", vocabulary: ["azure", "crimson"], other: "drop" },
    });
  });

  test.each([
    ["note", "its texts need a vocabulary"],
    ["gone", "all its values are missing"],
    ["a*", "a features file cannot name it"],
    ["twice", "a features file cannot name it"],
  ])("says why the label %s is no target", (label, why) => {
    const others = [
      profileOf(["x".repeat(201), "y"], "note"),
      profileOf([""], "gone"),
      profileOf(["1"], "a*"),
      profileOf(["1"], "twice"),
      profileOf(["2"], "twice"),
    ];
    const { features, notes } = suggestFeatures([...columns, ...others], { label, withValues: false });
    expect(features).toBeNull();
    expect(notes).toEqual([expect.stringContaining(`"${label}" is no target as it is: ${why}`)]);
  });

  test("does not name a column whose name another one has", () => {
    const twice = [...columns, profileOf(["1", "2", "3"], "age")];
    const { features, notes } = suggestFeatures(twice, { label: "outcome", withValues: false });
    expect(JSON.stringify(features)).not.toContain("age");
    expect(notes.filter((note) => note.includes('"age" is left out'))).toHaveLength(2);
  });

  test("is a valid features file, whatever the columns hold", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.string({ maxLength: 20 }), { minLength: 1, maxLength: 4 }),
        fc.array(fc.array(anyValue, { minLength: 4, maxLength: 4 }), { maxLength: 30 }),
        fc.boolean(),
        (names, rows, withValues) => {
          const profiles = names.map((name, i) =>
            profileOf(
              rows.map((row) => row[i]),
              name,
            ),
          );
          const { features } = suggestFeatures(profiles, { label: undefined, withValues });
          if (features !== null) expect(Features.safeParse(features).error?.issues ?? []).toEqual([]);
        },
      ),
    );
  });
});
