// Parquet files byte by byte, so that they can say of themselves what no writer would.

export interface PageParts {
  readonly type?: "values" | "dictionary";
  readonly encoding?: number;
  readonly values: number;
  /** As it lies in the file, compressed or not. */
  readonly content: Uint8Array;
  readonly uncompressedBytes?: number;
}

export interface ParquetParts {
  /** Names and options (0 required, 1 optional, 2 repeated) from the column to what lies deepest in it. */
  readonly path?: readonly (readonly [name: string, repetition: number])[];
  /** Physical type: 1 INT32, 2 INT64, 5 DOUBLE, 6 BYTE_ARRAY, 7 FIXED_LEN_BYTE_ARRAY. */
  readonly type: number;
  readonly fixedBytes?: number;
  /** Of the older kind: 0 UTF8, 19 JSON. */
  readonly converted?: number;
  /** 0 none, 2 GZIP, 6 ZSTD. */
  readonly codec?: number;
  readonly rows: number;
  readonly values?: number;
  readonly pages: readonly PageParts[];
}

type Field = readonly [field: number, type: number, bytes: readonly number[] | Uint8Array];

const varint = (value: number): number[] =>
  value < 128 ? [value] : [(value % 128) | 128, ...varint(Math.floor(value / 128))];
export const zigzag = (value: number): number[] => varint(value < 0 ? -2 * value - 1 : 2 * value);
const [I32, I64, BINARY, LIST, STRUCT] = [5, 6, 8, 9, 12];
const i32 = (field: number, value: number): Field => [field, I32, zigzag(value)];
const i64 = (field: number, value: number): Field => [field, I64, zigzag(value)];
const text = (value: string) => [...varint(value.length), ...Buffer.from(value)];
const list = (field: number, type: number, items: readonly (readonly number[])[]): Field => [
  field,
  LIST,
  [0xf0 | type, ...varint(items.length), ...items.flat()],
];

/** A struct in Thrift's compact protocol. */
function struct(...fields: readonly (Field | null)[]): number[] {
  let before = 0;
  const bytes = fields.flatMap((field) => {
    if (field === null) return [];
    const [number, type, content] = field;
    const head = ((number - before) << 4) | type;
    before = number;
    return [head, ...content];
  });
  return [...bytes, 0];
}

function pageOf({ type = "values", encoding = 0, values, content, uncompressedBytes }: PageParts): Buffer {
  const described: Field =
    type === "values"
      ? [5, STRUCT, struct(i32(1, values), i32(2, encoding), i32(3, 3), i32(4, 3))]
      : [7, STRUCT, struct(i32(1, values), i32(2, encoding))];
  const header = struct(
    i32(1, type === "values" ? 0 : 2),
    i32(2, uncompressedBytes ?? content.byteLength),
    i32(3, content.byteLength),
    described,
  );
  return Buffer.concat([Buffer.from(header), content]);
}

/** One row group of the column at `path` (default `a`) and of a required column `label` of zeros. */
export function parquetFile(parts: ParquetParts): Buffer {
  const { path = [["a", 0]], type, fixedBytes, converted, codec = 0, rows, values = rows, pages } = parts;
  const column = Buffer.concat(pages.map(pageOf));
  const label = pageOf({ values: rows, content: Buffer.alloc(4 * rows) });
  const schema = [
    struct([4, BINARY, text("root")], i32(5, 2)),
    ...path.map(([name, repetition], i) => {
      const isLeaf = i === path.length - 1;
      return struct(
        isLeaf ? i32(1, type) : null,
        isLeaf && fixedBytes !== undefined ? i32(2, fixedBytes) : null,
        i32(3, repetition),
        [4, BINARY, text(name)],
        isLeaf ? null : i32(5, 1),
        isLeaf && converted !== undefined ? i32(6, converted) : null,
      );
    }),
    struct(i32(1, 1), i32(3, 0), [4, BINARY, text("label")]),
  ];
  const chunk = (
    of: number,
    names: readonly string[],
    by: number,
    count: number,
    bytes: Buffer,
    at: number,
  ) =>
    struct(i64(2, at), [
      3,
      STRUCT,
      struct(
        i32(1, of),
        list(2, I32, [zigzag(0)]),
        list(3, BINARY, names.map(text)),
        i32(4, by),
        i64(5, count),
        i64(6, bytes.byteLength),
        i64(7, bytes.byteLength),
        i64(9, at),
      ),
    ]);
  const names = path.map(([name]) => name);
  const chunks = [
    chunk(type, names, codec, values, column, 4),
    chunk(1, ["label"], 0, rows, label, 4 + column.byteLength),
  ];
  const group = struct(list(1, STRUCT, chunks), i64(2, 0), i64(3, rows));
  const footer = Buffer.from(
    struct(i32(1, 1), list(2, STRUCT, schema), i64(3, rows), list(4, STRUCT, [group])),
  );
  const length = Buffer.alloc(4);
  length.writeUInt32LE(footer.byteLength);
  return Buffer.concat([Buffer.from("PAR1"), column, label, footer, length, Buffer.from("PAR1")]);
}
