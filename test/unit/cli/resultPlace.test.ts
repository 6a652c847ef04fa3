// Where a command's result goes: by --out, by --json, and by --json with a file, as earlier releases had it.
import { expect, test } from "vitest";
import { isWanted, resultPlace, screenOf } from "../../../infra/cli/resultPlace.ts";

const placeOf = (given: Parameters<typeof resultPlace>[0]) => {
  const warnings: string[] = [];
  const place = resultPlace(given, (text) => warnings.push(text));
  return { place, warnings };
};

test.each([
  [{}, { option: "--out", isPrinted: false }, false],
  [{ out: "a.json" }, { file: "a.json", option: "--out", isPrinted: false }, true],
  [{ json: true as const }, { option: "--out", isPrinted: true }, true],
  [{ out: "a.json", json: true as const }, { file: "a.json", option: "--out", isPrinted: true }, true],
])("%j", (given, place, wanted) => {
  expect(placeOf(given)).toEqual({ place, warnings: [] });
  expect(isWanted(placeOf(given).place)).toBe(wanted);
});

test("--json with a file still names one, and says what to write instead", () => {
  const { place, warnings } = placeOf({ json: "a.json" });
  expect(place).toEqual({ file: "a.json", option: "--json", isPrinted: false });
  expect(warnings).toEqual([expect.stringMatching(/^--json a\.json is now --out a\.json: /)]);
});

test("two files are refused", () => {
  expect(() => placeOf({ out: "a.json", json: "b.json" })).toThrow("--out a.json and --json b.json");
});

test("a printed result is alone on standard output", () => {
  expect(screenOf(placeOf({ json: true }).place, "out", "err")).toBe("err");
  expect(screenOf(placeOf({ out: "a" }).place, "out", "err")).toBe("out");
});
