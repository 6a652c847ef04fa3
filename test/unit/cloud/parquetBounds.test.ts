// The bounds of Parquet files: what a writer makes passes, and a header that says more than there is does
// not.
import { parquetMetadata } from "hyparquet";
import { parquetWriteBuffer } from "hyparquet-writer";
import { describe, expect, test } from "vitest";
import { checkFooter, pagesIn } from "../../../shared/cloud/data/parquetBounds.ts";

const zigzag = (value: number) => varint(value < 0 ? -2 * value - 1 : 2 * value);

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) | 128, ...varint(Math.floor(value / 128))];
}

/** A page's header with the numbers of its data page (field 5) or dictionary (field 7), and its content. */
function page(kind: 5 | 7 | 8, values: number, uncompressed: number, compressed: number): number[] {
  const type = { 5: 0, 7: 2, 8: 3 }[kind];
  const more = kind === 8 ? [0x15, ...zigzag(values), 0x15, 0, 0x15, 0, 0x15, 0] : [];
  return [
    ...[0x15, ...zigzag(type), 0x15, ...zigzag(uncompressed), 0x15, ...zigzag(compressed)],
    ...[((kind - 3) << 4) | 0x0c, 0x15, ...zigzag(values), 0x15, ...zigzag(0), ...more, 0x00],
    0x00,
    ...new Array(Math.max(0, Math.min(compressed, 64))).fill(7),
  ];
}

const bounds = { values: 10, pageBytes: 1_000 };
const check = (...pages: number[][]) => pagesIn(Uint8Array.from(pages.flat()), bounds);

describe("pages", () => {
  test("with as many values as the footer says pass", () => {
    expect(check(page(7, 8, 1, 8), page(5, 4, 1_000, 16), page(8, 6, 100, 16))).toMatchObject([
      { kind: "dictionary", values: 8, uncompressedBytes: 1, second: null },
      { kind: "values", values: 4, uncompressedBytes: 1_000, second: null },
      { kind: "values", values: 6, second: { nulls: 0, isCompressed: true } },
    ]);
    check(page(5, 10, 0, 0));
  });

  test.each([
    ["more values than the footer says", [page(5, 4, 100, 8), page(5, 7, 100, 8)], /more values/],
    ["billions of values", [page(8, 2 ** 31 - 1, 100, 8)], /more values/],
    ["fewer than no values", [page(5, -1, 100, 8), page(5, 11, 100, 8)], /fewer than no values/],
    ["a page beyond the memory", [page(5, 1, 1_001, 8)], /larger than the memory/],
    ["a page that ends beyond the chunk", [page(5, 1, 100, 2 ** 30)], /ends beyond its chunk/],
    ["a page of a size below 0", [page(5, 1, 100, -5)], /ends beyond its chunk/],
    ["a dictionary of fewer than no values", [page(7, -9, 1, 8)], /fewer than no values/],
    ["a type of page that is not known", [[0x15, 8, 0x15, 0, 0x15, 0, 0]], /not known/],
    [
      "a type that a reader of 32 bits takes for another",
      [[0x15, ...zigzag(2 ** 33), 0x15, 0, 0x15, 0, 0]],
      /not known/,
    ],
    [
      "a page that describes itself as another type",
      [[0x15, 0, 0x15, 0, 0x15, 0, 0x4c, 0x15, 2, 0, 0]],
      /lacks what/,
    ],
    [
      "levels beyond their page",
      [[0x15, 6, 0x15, 20, 0x15, 20, 0x5c, 0x15, 2, 0x15, 0, 0x15, 2, 0x15, 0, 0x15, 22, 0x15, 0, 0, 0]],
      /ends beyond its chunk|levels end beyond/,
    ],
    [
      "more nulls than values",
      [[0x15, 6, 0x15, 0, 0x15, 0, 0x5c, 0x15, 2, 0x15, 4, 0x15, 2, 0x15, 0, 0x15, 0, 0x15, 0, 0, 0]],
      /more nulls than values/,
    ],
    ["a header that is cut", [[0x15]], /ends within a structure/],
    ["a header without sizes", [[0x15, 0, 0]], /lacks a number/],
  ])("with %s are refused", (_, pages, problem) => {
    expect(() => check(...pages)).toThrow(problem);
  });
});

describe("a footer", () => {
  test.each([
    ["a list longer than its bytes", [0x19, 0xf5, ...varint(1_000_000_000), 0x00], /a list is longer/],
    ["a text longer than its bytes", [0x18, ...varint(1_000_000), 0x00], /a text is longer/],
    ["lists within lists", new Array(100).fill(0x19), /too deep/],
    ["structures within structures", new Array(100).fill(0x1c), /too deep/],
    ["a number without an end", [0x16, ...new Array(20).fill(0x80)], /too many bytes/],
    ["a type that Parquet does not use", [0x1b, 0x00], /does not use/],
    ["no end", [0x15, 0x02], /ends within a structure/],
  ])("with %s is refused", (_, bytes, problem) => {
    expect(() => checkFooter(Uint8Array.from(bytes))).toThrow(problem);
  });
});

test.each(["SNAPPY", "UNCOMPRESSED"] as const)("what a writer makes passes: %s", (codec) => {
  const columnData = [
    { name: "a", data: Float64Array.from({ length: 1_000 }, (_, i) => i / 7), type: "DOUBLE" as const },
    { name: "b", data: Array.from({ length: 1_000 }, (_, i) => `t${i % 5}`), type: "STRING" as const },
    { name: "c", data: Array.from({ length: 1_000 }, (_, i) => i % 3 === 0), type: "BOOLEAN" as const },
  ];
  const file = parquetWriteBuffer({ columnData, rowGroupSize: 300, codec });
  const footerBytes = new DataView(file).getUint32(file.byteLength - 8, true);
  checkFooter(new Uint8Array(file, file.byteLength - 8 - footerBytes, footerBytes));
  const { row_groups } = parquetMetadata(file);
  expect(row_groups).toHaveLength(4);
  for (const { columns } of row_groups) {
    for (const { meta_data } of columns) {
      if (meta_data === undefined) throw new Error("no column");
      const begin = Number(meta_data.dictionary_page_offset ?? meta_data.data_page_offset);
      const chunk = new Uint8Array(file, begin, Number(meta_data.total_compressed_size));
      const values = Number(meta_data.num_values);
      pagesIn(chunk, { values, pageBytes: 10_000 });
      expect(() => pagesIn(chunk, { values: values - 1, pageBytes: 10_000 })).toThrow(/more values/);
    }
  }
});
