// Names and moments: what is let through, and that nothing else is.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import {
  ClientId,
  DurationMs,
  Instant,
  MAX_ROUND,
  ModelVersion,
  RoundNumber,
  RunId,
  roundKey,
  ServiceAccountEmail,
} from "../../../shared/core/schemas/ids.ts";
import { T0 } from "../../support/builders.ts";

describe.each([
  ["ClientId", ClientId],
  ["RunId", RunId],
])("%s", (_name, schema) => {
  it.each(["a", "7", "clinic-07", "a--b", "x".repeat(63), "0".repeat(63), "constructor"])(
    "takes %s",
    (id) => {
      expect(schema.parse(id)).toBe(id);
    },
  );

  it.each([
    ["nothing", ""],
    ["too long", "x".repeat(64)],
    ["a path", "../clients"],
    ["dots", ".."],
    ["a slash", "a/b"],
    ["an escaped slash", "a%2fb"],
    ["a backslash", "a\\b"],
    ["upper case", "Clinic"],
    ["an underscore, which parts of task names are joined by", "a_b"],
    ["a leading hyphen", "-a"],
    ["a trailing hyphen", "a-"],
    ["only hyphens", "--"],
    ["a space", "a b"],
    ["a line end", "a\n"],
    ["a NUL", "a\u0000"],
    ["letters that look like others", "сlinic"],
    ["an accent", "é"],
    ["digits of another script", "١"],
    ["full-width letters", "ａ"],
    ["a reserved document name", "__x__"],
    ["a property of every object", "__proto__"],
  ])("refuses %s", (_what, id) => {
    expect(schema.safeParse(id).success).toBe(false);
  });

  it.each([[7], [null], [undefined], [["a"]], [{ toString: () => "a" }]])(
    "refuses %j, which is not a string",
    (id) => {
      expect(schema.safeParse(id).success).toBe(false);
    },
  );

  it("lets nothing through that a path, an object or a task name could stumble over", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 70 }), (text) => {
        const { success } = schema.safeParse(text);
        expect(success).toBe(/^[a-z0-9-]{1,63}$/.test(text) && !text.startsWith("-") && !text.endsWith("-"));
      }),
    );
  });
});

describe("Instant", () => {
  it("is milliseconds in code and ISO 8601 in JSON, there and back", () => {
    expect(z.encode(Instant, T0)).toBe("2026-03-01T12:00:00.000Z");
    const [first, last] = [Date.parse("0001-01-01T00:00:00Z"), Date.parse("9999-12-31T23:59:59.999Z")];
    fc.assert(
      fc.property(fc.integer({ min: first, max: last }), (ms) => {
        expect(Instant.parse(z.encode(Instant, ms))).toBe(ms);
      }),
    );
  });

  it.each([
    ["2026-03-01T12:00:00Z", T0],
    ["2026-03-01T13:00:00+01:00", T0],
    ["2026-03-01T12:00:00.0019Z", T0 + 1],
  ])("reads %s", (iso, ms) => {
    expect(Instant.parse(iso)).toBe(ms);
  });

  it.each([
    "",
    "2026-03-01",
    "2026-03-01T12:00:00",
    "2026-02-29T12:00:00Z",
    "2026-03-01T24:00:00Z",
    "yesterday",
    T0,
  ])("refuses %s", (text) => {
    expect(Instant.safeParse(text).success).toBe(false);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, 1.5, 8e15, 1e20])("does not encode %s", (ms) => {
    expect(z.safeEncode(Instant, ms).success).toBe(false);
  });
});

describe("numbers", () => {
  it.each([
    ["RoundNumber", RoundNumber, [1, 2, MAX_ROUND], [0, -1, MAX_ROUND + 1, 1.5, Number.NaN, "1"]],
    ["ModelVersion", ModelVersion, [0, 1, MAX_ROUND], [-1, 0.5, 2 ** 53, "0"]],
    ["DurationMs", DurationMs, [0, 0.25, 1e12], [-0.001, Number.NaN, Number.POSITIVE_INFINITY, "5"]],
  ] as const)("%s", (_name, schema, good, bad) => {
    for (const value of good) expect(schema.safeParse(value).success, `${value}`).toBe(true);
    for (const value of bad) expect(schema.safeParse(value).success, `${value}`).toBe(false);
  });
});

describe("ServiceAccountEmail", () => {
  it("is an e-mail address of at most 254 characters", () => {
    expect(ServiceAccountEmail.safeParse("lab@silo.iam.gserviceaccount.com").success).toBe(true);
    for (const bad of ["", "lab", "lab@", "@x.org", `${"a".repeat(250)}@x.org`, "a b@x.org"]) {
      expect(ServiceAccountEmail.safeParse(bad).success, bad).toBe(false);
    }
  });
});

describe("roundKey", () => {
  it("keeps the order of numbers", () => {
    expect([1, 10, 999, MAX_ROUND].map(roundKey)).toEqual(["0001", "0010", "0999", "9999"]);
  });
});
