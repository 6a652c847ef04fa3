// What a run requires of owners' code, against what npm's own semver says of the same ranges (7.8.6; the
// table was compared with it).
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ClientCode, CodeAbout, missingCode, RequiredCode } from "../../../shared/core/schemas/ownCode.ts";

const isMet = (range: string, version: string) =>
  missingCode({ loader: { name: "a", version: range } }, { loader: { name: "a", version } }) === null;

describe("a range", () => {
  test.each([
    ["1.2.3", "1.2.3", true],
    ["1.2.3", "1.2.4", false],
    ["=1.2.3", "1.2.3", true],
    [">1.2.3", "1.2.3", false],
    [">1.2.3", "1.2.4", true],
    [">=1.2.3", "1.2.3", true],
    [">=1.2.3", "1.2.2", false],
    ["<2.0.0", "1.999.999", true],
    ["<2.0.0", "2.0.0", false],
    ["<=2.0.0", "2.0.0", true],
    [">=1.4.0 <2.0.0", "1.4.0", true],
    [">=1.4.0  <2.0.0", "2.0.0", false],
    ["^1.4.0", "1.3.9", false],
    ["^1.4.0", "1.10.0", true],
    ["^1.4.0", "2.0.0", false],
    ["^0.4.1", "0.4.9", true],
    ["^0.4.1", "0.5.0", false],
    ["^0.0.3", "0.0.3", true],
    ["^0.0.3", "0.0.4", false],
    ["~1.4.2", "1.4.9", true],
    ["~1.4.2", "1.5.0", false],
    ["~0.0.1", "0.0.9", true],
    [">=9.0.0", "10.0.0", true],
  ])("%s and %s: %s", (range, version, met) => {
    expect(isMet(range, version)).toBe(met);
  });

  test.each([
    "",
    " ",
    "1.2",
    "1.2.3-beta",
    "v1.2.3",
    "1.x.x",
    "*",
    ">= 1.2.3",
    "1.2.3 || 2.0.0",
    "1.2.3\n",
    ">1234567890.0.0",
    "1.2.3 ".repeat(40),
  ])("is refused as %j", (version) => {
    expect(RequiredCode.safeParse({ loader: { name: "a", version } }).success).toBe(false);
  });

  test("is met by what lies between its bounds, and by nothing else", () => {
    const number = fc.integer({ min: 0, max: 12 });
    const version = fc.tuple(number, number, number);
    fc.assert(
      fc.property(version, version, version, (low, high, one) => {
        const order = (a: readonly number[]) => a.reduce((sum, part) => 100 * sum + part, 0);
        const met = isMet(`>=${low.join(".")} <${high.join(".")}`, one.join("."));
        expect(met).toBe(order(low) <= order(one) && order(one) < order(high));
      }),
    );
  });
});

describe("what is missing", () => {
  const has = { loader: { name: "ecg", version: "1.0.0" } };

  test("is nothing where nothing is required, or all of it is there", () => {
    expect(missingCode(undefined, undefined)).toBeNull();
    expect(missingCode({}, undefined)).toBeNull();
    expect(missingCode({ loader: { name: "ecg" } }, has)).toBeNull();
  });

  test("is said in full, with what is there instead", () => {
    const requires = {
      loader: { name: "dicom", version: "^2.0.0" },
      trainer: { name: "torch" },
      layers: { name: "rms", version: "1.0.0" },
    };
    expect(missingCode(requires, has)).toBe(
      "the loader dicom ^2.0.0, and has ecg 1.0.0; the trainer torch, and has none; the layers rms 1.0.0, and has none",
    );
  });
});

test("names and versions of code are held to their forms", () => {
  for (const name of ["", "-a", "a b", "a/b", "a".repeat(64), "é", "__proto__"]) {
    expect(CodeAbout.safeParse({ name, version: "1.0.0" }).success, name).toBe(false);
  }
  for (const version of ["1.0", "1.0.0-rc1", "01.0.0", "1.0.0 ", "1.0.1234567890", "", 1]) {
    expect(CodeAbout.safeParse({ name: "a", version }).success, String(version)).toBe(false);
  }
  expect(CodeAbout.safeParse({ name: `a${"b".repeat(62)}`, version: "999999999.0.0" }).success).toBe(true);
  expect(ClientCode.safeParse(JSON.parse('{"__proto__":{"name":"a"},"constructor":{}}')).success).toBe(false);
});
