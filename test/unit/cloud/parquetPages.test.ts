// What a page may make of its bytes: what hyparquet would read of each page is what is counted, and what
// would grow beyond it is refused before it is read.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Page } from "../../../shared/cloud/data/parquetBounds.ts";
import { type PageColumn, pageMemory, separateLevels } from "../../../shared/cloud/data/parquetPages.ts";

const varint = (value: number): number[] =>
  value < 128 ? [value] : [(value % 128) | 128, ...varint(Math.floor(value / 128))];
const zigzag = (value: number) => varint(value < 0 ? -2 * value - 1 : 2 * value);
const length = (value: number) => [0, 8, 16, 24].map((shift) => (value >>> shift) & 255);
const withLength = (bytes: readonly number[]) => [...length(bytes.length), ...bytes];
/** A run of equal entries of up to eight bits. */
const run = (count: number, entry: number) => [...varint(2 * count), entry];

/** Numbers as one block of differences, each in 32 bits. */
function deltas(values: readonly number[], { firstOnly = false } = {}): number[] {
  const [first = 0, ...rest] = values;
  const head = [...varint(128), ...varint(4), ...varint(values.length), ...zigzag(first)];
  if (firstOnly || rest.length === 0) return head;
  const parts: number[] = [];
  for (let begin = 0; begin < rest.length; begin += 128) {
    const block = Array.from({ length: 128 }, (_, i) => {
      const at = begin + i;
      return at < rest.length ? (rest[at] ?? 0) - (values[at] ?? 0) : 0;
    });
    const least = Math.min(...block);
    const used = Math.ceil(Math.min(128, rest.length - begin) / 32);
    const widths = [0, 1, 2, 3].map((part) => (part < used ? 32 : 0));
    parts.push(...zigzag(least), ...widths);
    for (const value of block.slice(0, used * 32)) parts.push(...length(value - least));
  }
  return [...head, ...parts];
}

const column = (type: PageColumn["type"], more: Partial<PageColumn> = {}): PageColumn => ({
  type,
  fixedBytes: 0,
  maxRepetition: 0,
  maxDefinition: 0,
  ...more,
});
const page = (values: number, encoding: number, more: Partial<Page> = {}): Page => ({
  kind: "values",
  begin: 0,
  end: 0,
  uncompressedBytes: 0,
  values,
  encoding,
  second: null,
  ...more,
});
const memory = (bytes: readonly number[], of: Page, to: PageColumn) =>
  pageMemory(Uint8Array.from(bytes), of, to, null);

const [PLAIN, RLE, DELTA_BINARY, DELTA_TEXTS, DICTIONARY, SPLIT] = [0, 3, 5, 7, 8, 9];
const texts = column("BYTE_ARRAY");
const optional = column("DOUBLE", { maxDefinition: 1 });

describe("texts that share their beginnings", () => {
  const shared = (starts: readonly number[], rests: readonly number[]) => [
    ...deltas(starts),
    ...deltas(rests),
    ...new Array(rests.reduce((sum, rest) => sum + rest, 0)).fill(97),
  ];

  test("take the bytes of all of them", () => {
    const bytes = shared([0, 3, 4], [3, 1, 0]);
    expect(memory(bytes, page(3, DELTA_TEXTS), texts).groupBytes).toBe(3 * 40 + 3 + 4 + 4);
  });

  test("a few kilobytes that would be gigabytes are counted as what they become", () => {
    const starts = [0, ...new Array(9_999).fill(100_000)];
    const bytes = [...deltas(starts), ...deltas([100_000, ...new Array(9_999).fill(0)])];
    expect(memory(bytes, page(10_000, DELTA_TEXTS), texts).groupBytes).toBeGreaterThan(1e9);
  });

  test.each([
    ["more than the text before has", shared([0, 4], [3, 0])],
    ["a text before the first", shared([1], [1])],
    ["less than nothing", shared([0, -1], [3, 0])],
    ["with a rest of less than nothing", shared([0, 0], [3, -1])],
  ])("and share %s are refused", (_, bytes) => {
    expect(() => memory(bytes, page(2, DELTA_TEXTS), texts)).toThrow(/shares more|ends within/);
  });

  test("any lengths are summed", () => {
    const lengths = fc.array(fc.tuple(fc.nat(9), fc.nat(9)), { minLength: 1, maxLength: 300 });
    fc.assert(
      fc.property(lengths, (pairs) => {
        let before = 0;
        const starts = pairs.map(([start, rest]) => {
          const most = Math.min(start, before);
          before = most + rest;
          return most;
        });
        const rests = pairs.map(([, rest]) => rest);
        const sum = starts.reduce((all, start, i) => all + start + (rests[i] ?? 0), 0);
        const { groupBytes } = memory(shared(starts, rests), page(pairs.length, DELTA_TEXTS), texts);
        expect(groupBytes).toBe(40 * pairs.length + sum);
      }),
    );
  });
});

describe("runs", () => {
  test.each([
    ["of a dictionary's entries", page(10, DICTIONARY), texts, [1, ...run(11, 0)]],
    ["of levels", page(10, PLAIN), optional, withLength(run(2 ** 29, 1))],
    ["of flags", page(10, RLE), column("BOOLEAN"), withLength(run(2 ** 29, 1))],
    ["that are packed", page(10, DICTIONARY), texts, [0x01, ...varint(2 * 2 ** 28 + 1), 0]],
    ["that are longer than those left", page(10, DICTIONARY), texts, [1, ...run(6, 0), ...run(5, 1)]],
  ])("%s that are longer than their page are refused", (_, of, to, bytes) => {
    expect(() => memory(bytes, of, to)).toThrow(/longer than its page/);
  });

  test("of entries of no bits are none in a page of the second version", () => {
    const second = { nulls: 0, repetitionBytes: 0, definitionBytes: 0, isCompressed: false };
    const of = page(10, DICTIONARY, { second });
    const levels = { present: 10, lists: 0 };
    // A reader would count packed entries of no bits for ever.
    expect(() => pageMemory(Uint8Array.from([0, ...varint(2 ** 31 - 1)]), of, texts, levels)).toThrow(
      /longer/,
    );
    expect(pageMemory(Uint8Array.from([0, ...varint(20)]), of, texts, levels).groupBytes).toBe(80);
  });

  test("as long as their page pass, and nulls are counted", () => {
    const whole = [...withLength(run(10, 1)), ...new Array(80).fill(0)];
    expect(memory(whole, page(10, PLAIN), optional).groupBytes).toBe(80);
    // Five are there; outside of a list of numbers alone each takes more.
    const half = [...withLength([...run(5, 1), ...run(5, 0)]), ...new Array(40).fill(0)];
    expect(memory(half, page(10, PLAIN), optional).groupBytes).toBe(80 + 5 * 24);
    const packed = [...withLength([0x05, 0b10110101, 0b00000001]), ...new Array(48).fill(0)];
    expect(memory(packed, page(10, PLAIN), optional).groupBytes).toBe(80 + 6 * 24);
  });

  test("of levels that begin lists are counted", () => {
    const lists = column("FLOAT", { maxRepetition: 1, maxDefinition: 3 });
    const rows = (starts: number) => [
      ...withLength([...run(starts, 0), ...run(100 - starts, 1)]),
      ...withLength(run(100, 3)),
      ...new Array(400).fill(0),
    ];
    const of = page(100, PLAIN);
    const [few, many] = [memory(rows(1), of, lists), memory(rows(99), of, lists)];
    expect(many.groupBytes - few.groupBytes).toBe(98 * 3 * 192);
  });

  test("of the second version's levels likewise", () => {
    const lists = column("FLOAT", { maxRepetition: 1, maxDefinition: 3 });
    const repetition = [...run(3, 0), ...run(7, 1)];
    const second = { nulls: 2, repetitionBytes: repetition.length, definitionBytes: 2, isCompressed: true };
    const levels = (definition: readonly number[]) =>
      separateLevels(
        Uint8Array.from([...repetition, ...definition]),
        page(10, PLAIN, { second }),
        second,
        lists,
      );
    expect(levels(run(10, 3))).toEqual({ present: 8, lists: 3 });
    expect(() => levels(run(11, 3))).toThrow(/longer than its page/);
  });
});

describe("pages", () => {
  test.each([
    ["plain numbers", page(11, PLAIN), column("DOUBLE"), new Array(80).fill(0)],
    ["plain texts", page(3, PLAIN), texts, new Array(11).fill(0)],
    ["plain flags", page(17, PLAIN), column("BOOLEAN"), [0, 0]],
    [
      "texts of one length",
      page(3, PLAIN),
      column("FIXED_LEN_BYTE_ARRAY", { fixedBytes: 5 }),
      new Array(14).fill(0),
    ],
    [
      "bytes that are apart",
      page(4, SPLIT),
      column("FIXED_LEN_BYTE_ARRAY", { fixedBytes: 4_096 }),
      [1, 2, 3, 4],
    ],
    ["a dictionary", page(4, PLAIN, { kind: "dictionary" }), column("INT32"), new Array(15).fill(0)],
  ])("of more %s than bytes are refused", (_, of, to, bytes) => {
    expect(() => memory(bytes, of, to)).toThrow(/more values than bytes/);
  });

  test.each([
    ["an encoding that is not known", page(1, 11), texts, [0]],
    ["an encoding that a reader of 32 bits takes for another", page(1, 2 ** 32 + 7), texts, [0]],
    ["an encoding below none", page(1, -1), texts, [0]],
    ["entries that are too wide", page(1, DICTIONARY), texts, [33, 2, 0, 0, 0, 0, 0]],
    ["levels beyond it", page(1, PLAIN), optional, [...length(9), 2, 1]],
    ["no values at all", page(1, DICTIONARY), texts, []],
    [
      "a number without an end",
      page(2, DELTA_BINARY),
      column("INT64"),
      [...varint(128), 4, 2, ...new Array(64).fill(0x80)],
    ],
    ["blocks of nothing", page(2, DELTA_TEXTS), texts, [0, 0, 2, 0, 0]],
    [
      "blocks of a million parts",
      page(2, DELTA_TEXTS),
      texts,
      [...varint(2 ** 27), ...varint(2 ** 20), 2, 0, 0],
    ],
    [
      "differences that are too wide",
      page(2, DELTA_BINARY),
      column("INT64"),
      [...varint(128), 4, 2, 0, 0, 65, 0, 0, 0],
    ],
  ])("of %s are refused", (_, of, to, bytes) => {
    expect(() => memory(bytes, of, to)).toThrow(/not known|too wide|beyond|ends within|too many bytes|none/);
  });

  test("of whole numbers of 64 bits take more until their column is read", () => {
    const plain = memory(new Array(80).fill(0), page(10, PLAIN), column("INT64"));
    expect(plain).toEqual({ groupBytes: 80, columnBytes: 10 * 24 + 80, pageBytes: 80 });
    expect(memory(deltas([1, 2, 3]), page(3, DELTA_BINARY), column("INT64")).groupBytes).toBe(24);
  });

  test("of indices, and without values, take nothing", () => {
    expect(memory([], page(0, PLAIN, { kind: "index" }), texts).pageBytes).toBe(0);
    expect(memory([], page(0, PLAIN), texts).groupBytes).toBe(0);
  });
});
