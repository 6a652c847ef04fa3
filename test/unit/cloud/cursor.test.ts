// Cursors: what was encoded comes back, and whatever a caller makes up is refused as the caller's mistake.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeCursor, encodeCursor, InstantCursor, NameCursor } from "../../../shared/cloud/store/cursor.ts";
import { roundKey } from "../../../shared/core/schemas/ids.ts";
import { T0 } from "../../support/builders.ts";
import { refusal } from "../../support/refusal.ts";

const refused = { code: "invalid-argument", problems: [{ path: "cursor" }] };
const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");

describe("a cursor", () => {
  it("comes back as it was, and is fit for an address", () => {
    for (const name of ["a", "clinic-07", roundKey(7), "x".repeat(63)]) {
      const cursor = encodeCursor([name]);
      expect(cursor).toMatch(/^[A-Za-z0-9_-]+$/);
      expect(decodeCursor(cursor, NameCursor)).toEqual([name]);
      expect(decodeCursor(encodeCursor([T0, name]), InstantCursor)).toEqual([T0, name]);
    }
  });

  it.each([
    ["nothing", ""],
    ["no base64", "§§§"],
    ["no JSON", Buffer.from("{").toString("base64url")],
    ["no list", encoded({ 0: "a" })],
    ["an empty list", encoded([])],
    ["too much", encoded(["a", "b"])],
    ["a number", encoded([7])],
    ["null", encoded(null)],
    ["a path", encoded(["../../clients/a"])],
    ["a slash", encoded(["a/b"])],
    ["an empty name", encoded([""])],
    ["a long name", encoded(["a".repeat(101)])],
    ["a reserved name", encoded(["__name__"])],
    ["another listing's", encodeCursor([T0, "a"])],
  ])("that is %s is refused", (_what, cursor) => {
    expect(refusal(() => decodeCursor(cursor, NameCursor))).toMatchObject(refused);
  });

  it.each([
    ["another listing's", encodeCursor(["a"])],
    ["a fraction", encoded([1.5, "a"])],
    ["text for a moment", encoded(["2026-03-01", "a"])],
    ["a moment before Firestore's first", encoded([Date.parse("0001-01-01T00:00:00Z") - 1, "a"])],
    ["a moment after Firestore's last", encoded([Date.parse("9999-12-31T23:59:59.999Z") + 1, "a"])],
    ["a path", encoded([T0, "a/b"])],
  ])("by moment that is %s is refused", (_what, cursor) => {
    expect(refusal(() => decodeCursor(cursor, InstantCursor))).toMatchObject(refused);
  });

  it("never fails in another way", () => {
    const made = fc.oneof(
      fc.string(),
      fc.json().map((json) => Buffer.from(json).toString("base64url")),
    );
    fc.assert(
      fc.property(made, (cursor) => {
        for (const decode of [
          () => decodeCursor(cursor, NameCursor),
          () => decodeCursor(cursor, InstantCursor),
        ]) {
          try {
            decode();
          } catch (error) {
            expect(error).toMatchObject(refused);
          }
        }
      }),
    );
  });
});
