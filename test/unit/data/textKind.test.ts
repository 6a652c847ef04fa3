// What a file is that has the name of a text and is none, by its first bytes; and whether its lines end in a
// carriage return alone, in whatever parts it comes.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LineEndFinder, whyNotText } from "../../../shared/core/data/textKind.ts";

const bytes = (text: string) => Buffer.from(text, "latin1");

describe("the first bytes", () => {
  test.each<[string, string, RegExp]>([
    ["gzip", "\x1f\x8b\x08\x00", /compressed by gzip.*\.gz/],
    ["a ZIP archive", "PK\x03\x04\x14", /ZIP archive.*Excel.*CSV in UTF-8/],
    ["an old workbook", "\xd0\xcf\x11\xe0\xa1", /Excel/],
    ["Parquet", "PAR1\x15", /\.parquet/],
    ["UTF-16, little-endian", "\xff\xfea\x00", /UTF-16.*UTF-8/],
    ["UTF-16, big-endian", "\xfe\xff\x00a", /UTF-16.*UTF-8/],
    ["UTF-32, big-endian", "\x00\x00\xfe\xff", /UTF-32/],
    ["UTF-16 without a mark, little-endian", "a\x00,\x00", /NUL bytes, as UTF-16/],
    ["UTF-16 without a mark, big-endian", "\x00a\x00,", /NUL bytes, as UTF-16/],
    ["a NUL", "\x00", /NUL bytes/],
    ["zstd", "\x28\xb5\x2f\xfd", /zstd/],
    ["bzip2", "BZh9", /bzip2/],
    ["xz", "\xfd7zXZ", /xz/],
  ])("of %s", (_, start, why) => {
    expect(whyNotText(bytes(start))).toMatch(why);
  });

  test.each(["", "a", "a,b\n1,2", "\xef\xbb\xbfa,b", "PKW,PS\n", "\xc3\xa4,b", "BZ,h", '{"a":1}'])(
    "of text: %j",
    (start) => {
      expect(whyNotText(bytes(start))).toBeUndefined();
    },
  );

  test("no more than four of them count, so that a NUL in a row is that row's fault alone", () => {
    expect(whyNotText(bytes("a,b\n\x00"))).toBeUndefined();
    expect(whyNotText(bytes("a,b\x00"))).toMatch(/NUL/);
  });
});

describe("the first end of a line", () => {
  const found = (...parts: string[]) => {
    const lines = new LineEndFinder();
    for (const part of parts) {
      const isAlone = lines.isReturnAlone(bytes(part));
      if (isAlone !== undefined) return isAlone;
    }
    return undefined;
  };

  test.each<[string, boolean | undefined]>([
    ["a,b\r1,2\r", true],
    ["a,b\r1,2\n", true],
    ["a,b\r\n1,2\r3,4", false],
    ["a,b\n1,2\r", false],
    ["a,b", undefined],
    ["a,b\r", undefined],
    ['"a\rb",c\n1,2', false],
    ['"a\rb",c\r1,2', true],
    ['"a""\rb",c\n', false],
  ])("%j", (text, isAlone) => {
    expect(found(text)).toBe(isAlone);
  });

  test("is the same in whatever parts the text comes", () => {
    const texts = fc.string({ unit: fc.constantFrom("a", ",", '"', "\r", "\n") });
    fc.assert(
      fc.property(texts, (text) => {
        expect(found(...text)).toBe(found(text));
      }),
    );
  });
});
