// The tiers of the tests: the eighths are, between them, everything that the quick tier leaves out, each part
// once, and take as long as each other.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EXHAUSTIVE, SPLIT } from "../../../infra/testing/exhaustive.ts";
import { notPlayed } from "../../../infra/testing/summary.ts";
import { readTestFiles } from "../../../infra/testing/testFiles.ts";
import {
  casesOf,
  EIGHTHS,
  eighthOf,
  filesOf,
  isExhaustive,
  isScaled,
  isSplit,
  playsOnce,
  propertyRuns,
  type Tier,
  tierOf,
} from "../../../infra/testing/tiers.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const files = readTestFiles();
const eighths: readonly Tier[] = Array.from({ length: EIGHTHS }, (_, index) => ({
  kind: "eighth",
  eighth: index + 1,
}));
const quick = filesOf({ kind: "quick" }, files);

describe("the eighths", () => {
  it("have each exhaustive file that is not split exactly once, and no other", () => {
    const played = eighths.flatMap((tier) => filesOf(tier, files)).filter((path) => !isSplit(path));
    const exhaustive = files.filter((file) => isExhaustive(file) && !isSplit(file.path));
    expect(exhaustive.length).toBeGreaterThan(30);
    expect(played.toSorted()).toEqual(exhaustive.map(({ path }) => path).toSorted());
  });

  it("have each a part of every split file", () => {
    for (const tier of eighths) expect(filesOf(tier, files)).toEqual(expect.arrayContaining([...SPLIT]));
  });

  it("are a partition of each table, and of what is in no table", () => {
    fc.assert(
      fc.property(fc.array(fc.anything(), { maxLength: 200 }), (values) => {
        const cases = values.map((value, index) => ({ value, index }));
        const parts = eighths.map((tier) => casesOf(tier, cases));
        expect(parts.flat().toSorted((a, b) => a.index - b.index)).toEqual(cases);
        const sizes = parts.map(({ length }) => length);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
        expect(casesOf({ kind: "full" }, cases)).toEqual(cases);
        expect(casesOf({ kind: "quick" }, cases)).toEqual([]);
      }),
    );
    expect(eighths.filter(playsOnce)).toHaveLength(1);
    expect(playsOnce({ kind: "full" })).toBe(true);
    expect(playsOnce({ kind: "quick" })).toBe(false);
  });

  it("and the quick tier are all files", () => {
    const played = new Set([...quick, ...eighths.flatMap((tier) => filesOf(tier, files))]);
    expect([...played].toSorted()).toEqual(files.map(({ path }) => path).toSorted());
    expect(filesOf({ kind: "full" }, files)).toEqual(files.map(({ path }) => path));
  });

  it("take as long as each other", () => {
    const seconds = eighths.map((tier) =>
      filesOf(tier, files).reduce(
        (sum, path) => sum + (EXHAUSTIVE[path] ?? 0) / (isSplit(path) ? EIGHTHS : 1),
        0,
      ),
    );
    expect(Math.max(...seconds) / Math.min(...seconds)).toBeLessThan(1.25);
  });

  it("stay as they are when a file comes that has no time yet", () => {
    const more = [{ path: "test/unit/a.test.ts", text: 'import fc from "fast-check";' }, ...files];
    for (const tier of eighths) {
      expect(filesOf(tier, more).filter((path) => path !== "test/unit/a.test.ts")).toEqual(
        filesOf(tier, files),
      );
    }
  });
});

describe("the list of exhaustive files", () => {
  it("has only files that exist, and the split ones among them", () => {
    expect(Object.keys(EXHAUSTIVE).filter((path) => !existsSync(`${root}/${path}`))).toEqual([]);
    expect(SPLIT.filter((path) => !(path in EXHAUSTIVE))).toEqual([]);
  });

  it("has nothing pure, and leaves every project something for the quick tier", () => {
    expect(Object.keys(EXHAUSTIVE).filter((path) => path.startsWith("test/unit/"))).toEqual([]);
    const projects = new Set(files.map(({ path }) => path.split("/")[1]));
    expect(new Set(quick.map((path) => path.split("/")[1]))).toEqual(projects);
  });

  it("says of exactly the split files that they share out their cases", () => {
    const sharing = files.filter(({ text }) => /\bcasesHere\b.*from "[./]+support\/tier\.ts"/.test(text));
    expect(sharing.map(({ path }) => path).toSorted()).toEqual(SPLIT.toSorted());
  });
});

describe("the tier of a run", () => {
  const commit = (count: number | null, hash = "0a1b2c3d4e") => ({ count, hash });

  it("is what the mode says", () => {
    expect(tierOf("test", () => null)).toEqual({ kind: "full" });
    expect(tierOf("quick", () => null)).toEqual({ kind: "quick" });
    for (const tier of eighths) {
      expect(tierOf(`eighth-${tier.kind === "eighth" ? tier.eighth : 0}`, () => null)).toEqual(tier);
    }
    expect(tierOf("eighth", () => commit(9))).toEqual({ kind: "eighth", eighth: 2 });
    for (const mode of ["eighth-0", "eighth-9", "eighth-", "all", ""]) {
      expect(() => tierOf(mode, () => null)).toThrow(/use quick, eighth, or eighth-1 to eighth-8/);
    }
  });

  it("is every eighth within eight commits in a row", () => {
    for (const first of [1, 7, 400]) {
      const row = Array.from({ length: EIGHTHS }, (_, index) => eighthOf(commit(first + index)));
      expect(row.toSorted()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    }
  });

  it("follows from the hash in a shallow clone, and is the first one without a repository", () => {
    expect(eighthOf(commit(null, "000000070"))).toBe(8);
    expect(eighthOf(commit(null, "ffffffffff"))).toBe(8);
    expect(eighthOf(commit(null, "00000008aa"))).toBe(1);
    expect(eighthOf(null)).toBe(1);
  });
});

describe("what a run says that it did not play", () => {
  it("is nothing after the full one", () => {
    expect(notPlayed({ kind: "full" }, files)).toEqual([]);
  });

  it("is each exhaustive file and how to play it after the quick one", () => {
    const text = notPlayed({ kind: "quick" }, files).join("\n");
    expect(text).toContain("npm run test:full");
    expect(text).toContain("npm run test:full -- --mode eighth-1");
    for (const path of Object.keys(EXHAUSTIVE)) {
      expect(text).toContain(path.split("/").slice(2).join("/").replace(".test.ts", ""));
    }
  });

  it("is the other eighths after an eighth", () => {
    expect(notPlayed({ kind: "eighth", eighth: 3 }, files).join("\n")).toMatch(/^Eighth 3 of 8 .*eighth-N/);
  });
});

it("a property has a fifth of its cases in the quick tier, and at least one", () => {
  expect(propertyRuns({ kind: "quick" }, 100)).toBe(20);
  expect(propertyRuns({ kind: "quick" }, 1)).toBe(1);
  for (const tier of [{ kind: "full" } as const, ...eighths]) expect(propertyRuns(tier, 100)).toBe(100);
  expect(isScaled({ path: "a", text: 'import { playsHere, runs } from "../../support/tier.ts";' })).toBe(
    true,
  );
  expect(isScaled({ path: "a", text: "api.runs(1)" })).toBe(false);
});
