// The size of a document, against an independent count, and the words of texts of every kind.
import fc from "fast-check";
import { expect, it } from "vitest";
import { storedBytes } from "../../../shared/core/schemas/documentSize.ts";
import { storedBytes as counted } from "../../support/documents.ts";

it("is that of its fields, names included", () => {
  expect(storedBytes({})).toBe(32);
  expect(storedBytes({ a: 1, bc: "€", list: [true, null], map: { d: "" } })).toBe(
    32 + (2 + 8) + (3 + 4) + (5 + 16) + (4 + 32 + 2 + 1),
  );
  expect(storedBytes({ a: undefined }), "not there").toBe(32);
});

it("is never less than what the bytes of its texts say", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(storedBytes(value)).toBeGreaterThanOrEqual(counted(value));
    }),
  );
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      expect(storedBytes(text)).toBeGreaterThanOrEqual(Buffer.byteLength(text) + 1);
      expect(storedBytes(text)).toBeLessThanOrEqual(1.5 * Buffer.byteLength(text) + 1);
    }),
  );
});
