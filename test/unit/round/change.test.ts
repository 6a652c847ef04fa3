// Changes of a few fields (RFC 7396), and what they have changed.
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { changedPaths, merged } from "../../../shared/core/round/change.ts";
import { deepFreeze } from "../../support/builders.ts";

describe("merged", () => {
  // The cases of RFC 7396, appendix A.
  test.each([
    [{ a: "b" }, { a: "c" }, { a: "c" }],
    [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
    [{ a: "b" }, { a: null }, {}],
    [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
    [{ a: ["b"] }, { a: "c" }, { a: "c" }],
    [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
    [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
    [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
    [
      ["a", "b"],
      ["c", "d"],
      ["c", "d"],
    ],
    [{ a: "b" }, ["c"], ["c"]],
    [{ a: "foo" }, null, null],
    [{ a: "foo" }, "bar", "bar"],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: "b", c: null }, { a: "b" }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])("%j with %j is %j", (value, change, result) => {
    expect(merged(deepFreeze(value), deepFreeze(change))).toEqual(result);
  });

  it("makes no object of another kind of what is called as one", () => {
    const result = merged({}, JSON.parse('{ "__proto__": { "admin": true }, "constructor": "x" }'));
    expect(Object.getPrototypeOf(result)).toBe(Object.prototype);
    expect(Reflect.get(Object(result), "admin")).toBeUndefined();
  });

  it("of a change that is made already is the same", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (value, change) => {
        const once = merged(value, change);
        expect(merged(once, change)).toEqual(once);
      }),
    );
  });
});

describe("changedPaths", () => {
  test.each([
    [{ a: 1 }, { a: 1 }, []],
    [
      { labels: { x: "1", y: "2" }, notes: "" },
      { labels: { y: "3" }, notes: "n" },
      ["labels.x", "labels.y", "notes"],
    ],
    [{ a: { b: { c: 1 } } }, { a: { b: { c: 2 } } }, ["a.b"]],
    [{}, { code: { loader: "x" } }, ["code"]],
  ])("from %j to %j are %j", (before, after, paths) => {
    expect(changedPaths(before, after)).toEqual(paths);
  });
});
