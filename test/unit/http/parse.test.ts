// Input against its schema: every problem, by its path, in words for the one who wrote it.
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { badInput, parse } from "../../../shared/http/parse.ts";
import { deepFreeze } from "../../support/builders.ts";
import { refusal } from "../../support/refusal.ts";

const Schema = z.strictObject({
  name: z.string().min(2),
  size: z.number().int().max(9).default(1),
  tags: z.array(z.strictObject({ key: z.string() })).optional(),
  kind: z
    .discriminatedUnion("type", [
      z.strictObject({ type: z.literal("a"), rate: z.number() }),
      z.strictObject({ type: z.literal("b") }),
    ])
    .optional(),
  model: z
    .union([z.strictObject({ builtin: z.string() }), z.strictObject({ layers: z.number() })])
    .optional(),
  labels: z.record(z.string().regex(/^[a-z]+$/, "lower-case letters"), z.string()).optional(),
});
const problems = (input: unknown, where?: string) => refusal(() => parse(Schema, input, where)).problems;
const paths = (input: unknown, where?: string) => problems(input, where).map(({ path }) => path);

describe("parse", () => {
  it("gives the value with its defaults, the input untouched", () => {
    expect(parse(Schema, deepFreeze({ name: "ab" }))).toEqual({ name: "ab", size: 1 });
  });

  it.each([
    [{}, ["name"]],
    [{ name: "a", size: 9.5 }, ["name", "size"]],
    [{ name: "ab", colour: 1, shape: 2 }, ["colour", "shape"]],
    [
      { name: "ab", tags: [{ key: "x" }, { key: 7 }, {}, { key: "y", z: 1 }] },
      ["tags.1.key", "tags.2.key", "tags.3.z"],
    ],
    [{ name: "ab", kind: { type: "c" } }, ["kind.type"]],
    [{ name: "ab", kind: { type: "a" } }, ["kind.rate"]],
    [{ name: "ab", kind: { type: "b", rate: 1 } }, ["kind.rate"]],
    [{ name: "ab", model: { builtin: "x", y: 1 } }, ["model.y"]],
    [{ name: "ab", model: { layers: "x" } }, ["model.layers"]],
    [{ name: "ab", labels: { Site: "x", ok: "y" } }, ["labels.Site"]],
    ["text", [""]],
    [null, [""]],
    [[], [""]],
  ])("%j: %j", (input, expected) => {
    expect(paths(input)).toEqual(expected);
  });

  it("puts the place before the path", () => {
    expect(paths({ name: "a", x: 1 }, "query")).toEqual(["query.name", "query.x"]);
    expect(paths(null, "path")).toEqual(["path"]);
  });

  it("says it in one sentence too, the first letters small", () => {
    const error = refusal(() => parse(Schema, { name: "ab", x: 1 }));
    expect(error).toMatchObject({ code: "invalid-argument", retry: "never" });
    expect(error.message).toBe("The request has 1 problem: x: is not known here.");
    const { message } = refusal(() => parse(Schema, { x: 1 }));
    expect(message).toMatch(/^The request has 2 problems: name: is required; x: is not known here\.$/);
  });

  it("does not repeat what was given: it may be a secret", () => {
    const error = refusal(() => parse(Schema, { name: 7, size: "hunter2", kind: { type: "hunter2" } }));
    expect(JSON.stringify([error.message, error.problems])).not.toContain("hunter2");
  });

  it("is not fooled by a property that every object has", () => {
    expect(paths(JSON.parse('{"name":"ab","constructor":1}'))).toEqual(
      expect.arrayContaining(["constructor"]),
    );
    expect(paths(JSON.parse('{"name":"ab","__proto__":{"size":7}}'))).toEqual(["__proto__"]);
  });
});

describe("badInput", () => {
  it("has the problems as they are", () => {
    const listed = [
      { path: "", message: "this call takes no body" },
      { path: "header.Idempotency-Key", message: "use 1 to 200 characters" },
    ];
    const error = badInput(listed);
    expect(error.problems).toEqual(listed);
    expect(error.message).toBe(
      "The request has 2 problems: this call takes no body; header.Idempotency-Key: use 1 to 200 characters.",
    );
  });
});
