// JSON as a whole: nesting and text, whatever it holds.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { badInput, parse } from "../../../shared/http/parse.ts";
import { jsonProblems } from "../../../shared/http/wellFormed.ts";
import { refusal } from "../../support/refusal.ts";

const nested = (levels: number, open: string, close: string): unknown =>
  JSON.parse(`${open.repeat(levels)}${open === "[" ? "" : "1"}${close.repeat(levels)}`);

describe("jsonProblems", () => {
  it("finds none in JSON that can be stored", () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: "binary", maxDepth: 20 }), (value) => {
        fc.pre(!JSON.stringify(value).includes('"__proto__":'));
        expect(jsonProblems(value)).toEqual([]);
      }),
    );
    expect(jsonProblems(undefined)).toEqual([]);
    expect(jsonProblems({ "\u{1f600}": "\u{1f600}\u0000\u202e" })).toEqual([]);
  });

  it("names every half of a surrogate pair, in values and names, in their order", () => {
    const value = { a: ["x", "\ud800"], "\udfff": { b: "y\udc00" }, c: 1 };
    expect(jsonProblems(value).map(({ path }) => path)).toEqual(["\udfff", "a.1", "\udfff.b"]);
    expect(jsonProblems("\ud83d")).toEqual([
      { path: "", message: "holds half a surrogate pair: send Unicode text" },
    ]);
  });

  it("names what is called __proto__, at any depth, and numbers beyond all numbers", () => {
    const value: unknown = JSON.parse(
      '{"labels": {"__proto__": "x"}, "list": [{"__proto__": {}}], "n": 1e999}',
    );
    expect(jsonProblems(value)).toEqual([
      { path: "labels.__proto__", message: "this name is not allowed" },
      { path: "list.0.__proto__", message: "this name is not allowed" },
      { path: "n", message: "is a larger number than can be represented" },
    ]);
  });

  it("takes a hundred levels and refuses one more, however many more", () => {
    for (const [open, close] of [
      ["[", "]"],
      ['{"a":', "}"],
    ] as const) {
      expect(jsonProblems(nested(100, open, close))).toEqual([]);
      for (const levels of [101, 500_000]) {
        expect(jsonProblems(nested(levels, open, close))).toEqual([
          { path: "", message: "is nested more than 100 levels deep" },
        ]);
      }
    }
  });
});

describe("parse", () => {
  it("refuses malformed text before the schema sees it, with the place", () => {
    const error = refusal(() => parse(z.looseObject({}), { name: "\ud800" }, "query"));
    expect(error).toMatchObject({ code: "invalid-argument", problems: [{ path: "query.name" }] });
  });

  it("answers shortly whatever was sent: a hundred problems, each path clipped, all text well-formed", () => {
    const keys = Array.from({ length: 10_000 }, (_, i) => [`${"\u{1f600}".repeat(300)}${i}`, 1]);
    const error = refusal(() => parse(z.strictObject({}), Object.fromEntries(keys)));
    expect(error.problems).toHaveLength(100);
    expect(error.message).toMatch(/^The request has 10000 problems: .*; and 9900 more\.$/);
    expect(error.message.length).toBeLessThan(30_000);
    expect(error.message.isWellFormed()).toBe(true);
    for (const { path } of error.problems) {
      expect(path.isWellFormed()).toBe(true);
      expect(path.length).toBeLessThanOrEqual(203);
    }
    const hundred = Array.from({ length: 100 }, () => ({ path: "x", message: "y" }));
    expect(badInput(hundred).message).not.toContain("more");
  });
});
