// The safetensors codec: byte for byte the reference implementation's files, and nothing but FlError for
// hostile ones.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ErrorCode, FlError } from "../../../shared/core/errors.ts";
import {
  asFloat32,
  type Dtype,
  decodeSafetensors,
  encodeSafetensors,
  floatTensor,
  headerEnd,
  maxFileBytes,
  parseHeader,
  safetensorsParts,
  type Tensor,
} from "../../../shared/core/updates/safetensors.ts";
import { runs } from "../../support/tier.ts";
import vector from "../../vectors/safetensors.json" with { type: "json" };

const dtypes: Record<Dtype, number> = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  I16: 2,
  U16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  U32: 4,
  F32: 4,
  F64: 8,
  I64: 8,
  U64: 8,
};

const isDtype = (text: string): text is Dtype => text in dtypes;
const byName = (a: Tensor, b: Tensor): number => (a.name < b.name ? -1 : 1);
/** As plain bytes, since a Buffer and a Uint8Array are not equal to vitest. */
const plain = (tensors: readonly Tensor[]): Tensor[] =>
  tensors.map((tensor) => ({ ...tensor, data: Uint8Array.from(tensor.data) })).sort(byName);

/**
 * A file with this header, padded or not, and these data bytes; `lengthOf` may lie about the header's length.
 */
function file(
  header: string | Uint8Array,
  data: Uint8Array = new Uint8Array(0),
  lengthOf?: bigint,
): Uint8Array {
  const headerBytes = typeof header === "string" ? new TextEncoder().encode(header) : header;
  const bytes = new Uint8Array(8 + headerBytes.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, lengthOf ?? BigInt(headerBytes.length), true);
  bytes.set(headerBytes, 8);
  bytes.set(data, 8 + headerBytes.length);
  return bytes;
}

function errorOf(action: () => unknown): FlError {
  try {
    action();
  } catch (error) {
    if (error instanceof FlError) return error;
    throw error;
  }
  throw new Error("expected an FlError");
}

const entry = (
  begin: number,
  end: number,
  shape: readonly number[] = [(end - begin) / 4],
  dtype = "F32",
): string => `{"dtype":"${dtype}","shape":[${shape}],"data_offsets":[${begin},${end}]}`;

describe("the reference implementation's file", () => {
  const bytes = new Uint8Array(Buffer.from(vector.file, "hex"));
  const tensors = vector.tensors.map(({ name, dtype, shape, data }): Tensor => {
    if (!isDtype(dtype)) throw new Error(`unknown dtype ${dtype} in the vector`);
    return { name, dtype, shape, data: new Uint8Array(Buffer.from(data, "hex")) };
  });

  it("is what we write, whatever the order of the tensors", () => {
    expect(Buffer.from(encodeSafetensors(tensors, vector.metadata)).toString("hex")).toBe(vector.file);
    expect(encodeSafetensors(tensors.toReversed(), vector.metadata)).toEqual(bytes);
  });

  it("is what we read", () => {
    const decoded = decodeSafetensors(bytes);
    expect(plain(decoded.tensors)).toEqual(plain(tensors));
    expect(decoded.metadata).toEqual(vector.metadata);
  });
});

describe("encoding", () => {
  it("begins the data at a multiple of eight and aligns every tensor to its items", () => {
    fc.assert(
      fc.property(tensorLists, (tensors) => {
        const header = parseHeader(encodeSafetensors(tensors));
        expect(header.dataStart % 8).toBe(0);
        for (const { begin, dtype } of header.tensors) expect(begin % dtypes[dtype]).toBe(0);
      }),
    );
  });

  it("gives the smallest file for nothing", () => {
    const bytes = encodeSafetensors([]);
    expect(Buffer.from(bytes).toString("latin1")).toBe("\b\0\0\0\0\0\0\0{}      ");
    expect(decodeSafetensors(bytes)).toEqual({ tensors: [], metadata: {} });
  });

  it.each<[string, readonly Tensor[], string]>([
    [
      "a name used twice",
      [floatTensor("a", [], new Float32Array(1)), floatTensor("a", [0], new Float32Array(0))],
      "twice",
    ],
    ["the reserved name", [floatTensor("__metadata__", [], new Float32Array(1))], "reserved"],
    ["half a surrogate pair", [floatTensor("\ud800", [], new Float32Array(1))], "surrogate"],
    ["too few bytes", [{ name: "a", dtype: "F64", shape: [2], data: new Uint8Array(8) }], "8 bytes"],
    ["a negative dimension", [{ name: "a", dtype: "U8", shape: [-1], data: new Uint8Array(0) }], "dimension"],
  ])("refuses %s", (_, tensors, message) => {
    const error = errorOf(() => encodeSafetensors(tensors));
    expect(error.code).toBe("invalid-argument");
    expect(error.message).toContain(message);
  });

  it("refuses metadata that UTF-8 cannot hold", () => {
    expect(errorOf(() => encodeSafetensors([], { key: "\udfff" })).message).toContain("surrogate");
  });
});

const tensor = fc
  .record({
    name: fc.oneof(
      fc.constantFrom("0", "10", "2", "__proto__", "constructor", "toString"),
      fc.string({ unit: "grapheme" }),
    ),
    dtype: fc.constantFrom(...Object.keys(dtypes)).filter(isDtype),
    shape: fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 3 }),
    fill: fc.uint8Array({ minLength: 1, maxLength: 8 }),
  })
  .map(({ name, dtype, shape, fill }): Tensor => {
    const bytes = shape.reduce((product, dimension) => product * dimension, 1) * dtypes[dtype];
    return {
      name,
      dtype,
      shape,
      data: Uint8Array.from({ length: bytes }, (_, i) => fill[i % fill.length] ?? 0),
    };
  });
const tensorLists = fc
  .uniqueArray(tensor, { selector: ({ name }) => name, maxLength: 6 })
  .map((tensors) => tensors.filter(({ name }) => name !== "__metadata__"));
const metadata = fc.dictionary(fc.string({ unit: "grapheme" }), fc.string({ unit: "grapheme" }), {
  noNullPrototype: true,
});

describe("parts", () => {
  const a = floatTensor("a", [2], Float32Array.of(1, 2));
  const b = floatTensor("b", [], Float32Array.of(3));

  it("are the file's, with the tensors' own memory in its order", () => {
    const [header, ...data] = safetensorsParts([b, a], { k: "v" });
    expect(data[0]).toBe(a.data);
    expect(data[1]).toBe(b.data);
    expect(Buffer.concat([header ?? a.data, ...data])).toEqual(
      Buffer.from(encodeSafetensors([a, b], { k: "v" })),
    );
    expect((header?.byteLength ?? 1) % 8).toBe(0);
  });

  it("take no more room than is allowed", () => {
    const layout = [a, b];
    expect(maxFileBytes(layout, { maxHeaderBytes: 16 })).toBe(8 + 16 + 12);
    expect(maxFileBytes([], { maxHeaderBytes: 16 })).toBe(8 + 16);
    expect(encodeSafetensors(layout).byteLength).toBeLessThanOrEqual(maxFileBytes(layout));
  });
});

describe("round trip", () => {
  it("gives back every tensor and all metadata, at any alignment of the file", () => {
    fc.assert(
      fc.property(tensorLists, metadata, fc.nat(7), (tensors, texts, shift) => {
        const bytes = encodeSafetensors(tensors, texts);
        const shifted = new Uint8Array(shift + bytes.length).subarray(shift);
        shifted.set(bytes);
        const decoded = decodeSafetensors(shifted);
        expect(plain(decoded.tensors)).toEqual(plain(tensors));
        expect(Object.entries(decoded.metadata).sort()).toEqual(Object.entries(texts).sort());
        expect(encodeSafetensors(decoded.tensors, decoded.metadata)).toEqual(bytes);
      }),
    );
  });
});

describe("decoding", () => {
  it("accepts the spaces of padding, none, and any order of the header's keys", () => {
    const data = Uint8Array.of(0, 0, 128, 63, 0, 0, 0, 64);
    const header = `{ "b" : ${entry(4, 8, [])},"__metadata__":{}, "a":${entry(0, 4, [1, 1])}}   `;
    expect(decodeSafetensors(file(header, data)).tensors.map(({ name, data }) => [name, [...data]])).toEqual([
      ["a", [0, 0, 128, 63]],
      ["b", [0, 0, 0, 64]],
    ]);
    expect(decodeSafetensors(file("{}")).tensors).toEqual([]);
  });

  it("gives views, not copies", () => {
    const bytes = encodeSafetensors([floatTensor("a", [2], Float32Array.of(1, 2))]);
    expect(decodeSafetensors(bytes).tensors[0]?.data.buffer).toBe(bytes.buffer);
  });

  it("keeps metadata apart from what objects inherit", () => {
    const { metadata } = decodeSafetensors(file('{"__metadata__":{"__proto__":"x"}}'));
    expect(metadata["toString"]).toBeUndefined();
    expect(Object.entries(metadata)).toEqual([["__proto__", "x"]]);
  });

  const four = new Uint8Array(4);
  const eight = new Uint8Array(8);
  const nine = "9".repeat(16);
  it.each<[string, Uint8Array, ErrorCode, string]>([
    ["nothing", new Uint8Array(0), "data-loss", "only 0 bytes"],
    ["half a length", new Uint8Array(7), "data-loss", "only 7 bytes"],
    ["half a header", file("{}").subarray(0, 9), "data-loss", "only 9 bytes"],
    ["half its data", file(`{"a":${entry(0, 8)}}`, four), "data-loss", "truncated"],
    [
      "bytes after the data",
      file(`{"a":${entry(0, 4)}}`, eight),
      "invalid-argument",
      "bytes follow the last tensor",
    ],
    [
      "a header over the limit",
      file("{}", four, 2n ** 20n + 1n),
      "invalid-argument",
      "more than the 1048576 bytes",
    ],
    [
      "a header beyond 2^53",
      file("{}", four, 2n ** 64n - 1n),
      "invalid-argument",
      "more than the 1048576 bytes",
    ],
    ["an empty header", file(""), "invalid-argument", "begin with {"],
    ["space before the header", file(" {}"), "invalid-argument", "begin with {"],
    ["a byte order mark", file("\ufeff{}"), "invalid-argument", "begin with {"],
    ["a list", file("[]"), "invalid-argument", "begin with {"],
    ["broken JSON", file('{"a":'), "invalid-argument", "not JSON"],
    ["two headers", file("{}{}"), "invalid-argument", "not JSON"],
    [
      "bytes that are not UTF-8",
      file(Buffer.from('{"__metadata__":{"k":"\xff"}}', "latin1")),
      "invalid-argument",
      "not JSON",
    ],
    [
      "a tensor twice",
      file(`{"a":${entry(0, 4)},"a":${entry(0, 4)}}`, four),
      "invalid-argument",
      '"a" twice',
    ],
    [
      "a tensor twice, escaped",
      file(`{"a":${entry(0, 4)},"\\u0061":${entry(0, 4)}}`, four),
      "invalid-argument",
      '"a" twice',
    ],
    ["metadata twice", file('{"__metadata__":{},"__metadata__":{}}'), "invalid-argument", "twice"],
    ["a metadata key twice", file('{"__metadata__":{"k":"1","k":"2"}}'), "invalid-argument", '"k" twice'],
    [
      "a shape twice",
      file(`{"a":{"shape":[2],"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, four),
      "invalid-argument",
      '"shape" twice',
    ],
    ["metadata that is a list", file('{"__metadata__":["x"]}'), "invalid-argument", "must be an object"],
    ["metadata that is a number", file('{"__metadata__":{"k":1}}'), "invalid-argument", "must be a string"],
    ["a tensor that is text", file('{"a":"x"}'), "invalid-argument", "must be an object"],
    ["objects in objects", file('{"a":{"b":{"c":{}}}}'), "invalid-argument", "too deep"],
    [
      "an unknown key",
      file(`{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4],"x":1}}`, four),
      "invalid-argument",
      'unknown key "x"',
    ],
    ["an unknown dtype", file(`{"a":${entry(0, 4, [1], "F31")}}`, four), "invalid-argument", "unknown dtype"],
    [
      "an inherited dtype",
      file(`{"a":${entry(0, 4, [1], "toString")}}`, four),
      "invalid-argument",
      "unknown dtype",
    ],
    ["no dtype", file('{"a":{"shape":[],"data_offsets":[0,4]}}', four), "invalid-argument", "unknown dtype"],
    ["no shape", file('{"a":{"dtype":"F32","data_offsets":[0,4]}}', four), "invalid-argument", "shape"],
    ["no offsets", file('{"a":{"dtype":"F32","shape":[]}}', four), "invalid-argument", "data_offsets"],
    [
      "one offset",
      file('{"a":{"dtype":"F32","shape":[],"data_offsets":[0]}}', four),
      "invalid-argument",
      "data_offsets",
    ],
    [
      "three offsets",
      file('{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4,4]}}', four),
      "invalid-argument",
      "data_offsets",
    ],
    [
      "a negative dimension",
      file(`{"a":${entry(0, 4, [-1])}}`, four),
      "invalid-argument",
      "non-negative integers",
    ],
    [
      "a fraction",
      file('{"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}}', four),
      "invalid-argument",
      "non-negative integers",
    ],
    [
      "an exponent",
      file('{"a":{"dtype":"F32","shape":[1e0],"data_offsets":[0,4]}}', four),
      "invalid-argument",
      "non-negative integers",
    ],
    [
      "true and null",
      file('{"a":{"dtype":"F32","shape":[true,null],"data_offsets":[0,4]}}', four),
      "invalid-argument",
      "non-negative integers",
    ],
    [
      "a list in the shape",
      file('{"a":{"dtype":"F32","shape":[[1]],"data_offsets":[0,4]}}', four),
      "invalid-argument",
      "shape",
    ],
    [
      "an unsafe dimension",
      file(`{"a":{"dtype":"F32","shape":[${nine}],"data_offsets":[0,4]}}`, four),
      "invalid-argument",
      "shape",
    ],
    [
      "an overflowing shape",
      file(`{"a":${entry(0, 0, [2 ** 30, 2 ** 30, 2 ** 30, 0])}}`),
      "invalid-argument",
      "too many",
    ],
    [
      "a shape with other bytes",
      file(`{"a":${entry(0, 4, [2])}}`, four),
      "invalid-argument",
      "another number of bytes",
    ],
    [
      "offsets the wrong way round",
      file(`{"a":${entry(4, 0, [1])}}`, four),
      "invalid-argument",
      "another number of bytes",
    ],
    ["an overlap", file(`{"a":${entry(0, 4)},"b":${entry(0, 4)}}`, four), "invalid-argument", "overlaps"],
    [
      "a part overlap",
      file(`{"a":${entry(0, 8)},"b":${entry(4, 12)}}`, new Uint8Array(12)),
      "invalid-argument",
      "overlaps",
    ],
    ["a hole at the start", file(`{"a":${entry(4, 8)}}`, eight), "invalid-argument", "hole"],
    [
      "a hole between",
      file(`{"a":${entry(0, 4)},"b":${entry(8, 12)}}`, new Uint8Array(12)),
      "invalid-argument",
      "hole",
    ],
    ["half a surrogate pair", file('{"\\ud800":{}}'), "invalid-argument", "surrogate"],
  ])("refuses %s", (_, bytes, code, message) => {
    const error = errorOf(() => decodeSafetensors(bytes));
    expect(error.message).toContain(message);
    expect(error.code).toBe(code);
  });

  it("has an inclusive limit on the header", () => {
    const bytes = file("{}  ");
    expect(() => decodeSafetensors(bytes, { maxHeaderBytes: 4 })).not.toThrow();
    expect(errorOf(() => decodeSafetensors(bytes, { maxHeaderBytes: 3 })).message).toContain(
      "more than the 3 bytes",
    );
  });

  it("takes data that is not aligned, unless an alignment is asked for", () => {
    const bytes = file("{}  ");
    expect(() => decodeSafetensors(bytes, { dataAlignment: 4 })).not.toThrow();
    expect(errorOf(() => decodeSafetensors(bytes, { dataAlignment: 8 })).message).toContain(
      "multiple of 8 bytes",
    );
    expect(() => decodeSafetensors(encodeSafetensors([]), { dataAlignment: 8 })).not.toThrow();
  });

  it("stays short in its messages, whatever the file holds", () => {
    const long = "x".repeat(10_000);
    const many = new Array<number>(10_000).fill(1);
    for (const header of [
      `{"${long}":${entry(0, 4, [2])}}`,
      `{"${long}":{},"${long}":{}}`,
      `{"a":${entry(0, 4, [...many, 2])}}`,
      `{"a":{"${long}":1}}`,
    ]) {
      expect(errorOf(() => decodeSafetensors(file(header, four))).message.length).toBeLessThan(400);
    }
  });

  it("survives deep and long headers", () => {
    const size = 2 ** 20 - 10;
    for (const header of [
      `{"a":${"[".repeat(size)}`,
      `{"a":${"[".repeat(size / 2 - 10)}${"]".repeat(size / 2 - 10)}}`,
      `{${'"a":{'.repeat(size / 6 - 1)}${"}".repeat(size / 6)}`,
      `{"${"\\\\".repeat(size / 2 - 10)}":1}`,
    ]) {
      expect(errorOf(() => decodeSafetensors(file(header))).code).toBe("invalid-argument");
    }
  });

  it("meets random bytes with FlError or tensors", () => {
    const check = (bytes: Uint8Array): void => {
      try {
        expect(decodeSafetensors(bytes).tensors).toBeInstanceOf(Array);
      } catch (error) {
        expect(error).toBeInstanceOf(FlError);
      }
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), check));
    fc.assert(
      fc.property(fc.json(), fc.uint8Array({ maxLength: 16 }), (json, data) => check(file(json, data))),
    );
    const mutated = fc.property(
      tensorLists,
      fc.array(fc.tuple(fc.nat(), fc.nat(255))),
      (tensors, changes) => {
        const bytes = encodeSafetensors(tensors, { k: "v" });
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        check(bytes);
      },
    );
    fc.assert(mutated, { numRuns: runs(300) });
  });

  it("notices every cut", () => {
    const bytes = encodeSafetensors([floatTensor("a", [2], Float32Array.of(1, 2))], { k: "v" });
    for (let size = 0; size < bytes.length; size++) {
      expect(errorOf(() => decodeSafetensors(bytes.subarray(0, size))).code).toBe("data-loss");
    }
  });
});

describe("reading in pieces", () => {
  it("finds a tensor with two ranged reads", () => {
    const values = Float32Array.of(1, 2, 3);
    const bytes = encodeSafetensors([
      floatTensor("b", [3], values),
      floatTensor("a", [], Float32Array.of(9)),
    ]);
    const end = headerEnd(bytes.subarray(0, 8));
    const header = parseHeader(bytes.subarray(0, end));
    expect(header.dataStart).toBe(end);
    expect(header.fileBytes).toBe(bytes.length);
    const [, found] = header.tensors;
    expect(found).toEqual({ name: "b", dtype: "F32", shape: [3], begin: end + 4, end: end + 16 });
    const data = bytes.slice(found?.begin, found?.end);
    expect(asFloat32({ name: "b", dtype: "F32", shape: [3], data })).toEqual(values);
  });
});

describe("float tensors", () => {
  it("share memory both ways when aligned", () => {
    const values = Float32Array.of(1, -2).subarray(1);
    const tensor = floatTensor("a", [1], values);
    expect(asFloat32(tensor)).toEqual(values);
    expect(asFloat32(tensor).buffer).toBe(values.buffer);
  });

  it("are copied when not aligned, and only then", () => {
    const bytes = new Uint8Array(9);
    new DataView(bytes.buffer).setFloat32(1, 1.5, true);
    const unaligned = asFloat32({ name: "a", dtype: "F32", shape: [2], data: bytes.subarray(1) });
    expect([...unaligned]).toEqual([1.5, 0]);
    expect(unaligned.buffer).not.toBe(bytes.buffer);
  });

  it("keep NaN, infinities and -0 as they are", () => {
    const values = Float32Array.of(Number.NaN, Number.POSITIVE_INFINITY, -0, 1e-45);
    const [tensor] = decodeSafetensors(encodeSafetensors([floatTensor("a", [4], values)])).tensors;
    expect(tensor && asFloat32(tensor)).toEqual(values);
  });

  it("refuse another dtype and another size", () => {
    const data = new Uint8Array(8);
    expect(errorOf(() => asFloat32({ name: "a", dtype: "F64", shape: [1], data })).message).toContain(
      "expected F32",
    );
    expect(errorOf(() => asFloat32({ name: "a", dtype: "F32", shape: [1], data })).message).toContain(
      "8 bytes",
    );
    expect(errorOf(() => floatTensor("a", [3], new Float32Array(2))).message).toContain("take 12");
  });
});
