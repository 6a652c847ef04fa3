// A data set's file: what is written is what a client reads, and what is no data set is refused with the
// reason.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { loadFashionMnist } from "../../../infra/data/fashionMnist.ts";
import { encodeImages } from "../../../infra/data/images.ts";
import { openSource } from "../../../shared/cloud/source.ts";
import { decodeDataset, readDataset } from "../../../shared/cloud/tensors/dataset.ts";
import { FloatSink } from "../../../shared/cloud/tensors/floats.ts";
import type { Dataset } from "../../../shared/core/ports/trainer.ts";
import {
  type Dtype,
  encodeSafetensors,
  itemBytes,
  type Tensor,
} from "../../../shared/core/updates/safetensors.ts";
import { refusalOf } from "../../support/refusal.ts";

const bytes = (...values: number[]) => Uint8Array.from(values);
const floats = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer);
const u8 = (name: string, shape: readonly number[], ...values: number[]): Tensor => ({
  name,
  dtype: "U8",
  shape,
  data: bytes(...values),
});

describe("images", () => {
  const images = {
    height: 1,
    width: 2,
    classes: 3,
    pixels: bytes(0, 255, 51, 102, 7, 8),
    labels: bytes(2, 0, 1),
  };

  test("come back scaled to [0, 1], in the order asked for", () => {
    const { x, y } = decodeDataset(encodeImages(images, [1, 0]));
    expect(x.shape).toEqual([2, 1, 2, 1]);
    expect([...x.values]).toEqual([51 / 255, 102 / 255, 0, 1].map(Math.fround));
    expect(y).toEqual({ shape: [2], values: Float32Array.of(0, 2) });
  });

  test("of which there are none are no data set", () => {
    expect(() => decodeDataset(encodeImages(images, []))).toThrow("it has no samples.");
  });
});

describe("decodeDataset", () => {
  test("takes floats and integers as they are without a divisor", () => {
    const labels = new Uint8Array(Int32Array.of(-3, 70_000).buffer);
    const file = encodeSafetensors([
      { name: "x", dtype: "F32", shape: [2, 1], data: floats(0.5, -2) },
      { name: "y", dtype: "I32", shape: [2], data: labels },
    ]);
    expect(decodeDataset(file)).toEqual({
      x: { shape: [2, 1], values: Float32Array.of(0.5, -2) },
      y: { shape: [2], values: Float32Array.of(-3, 70_000) },
    });
  });

  test("does not share memory with the file", () => {
    const file = encodeSafetensors([
      { name: "x", dtype: "F32", shape: [1, 1], data: floats(0.5) },
      u8("y", [1], 1),
    ]);
    const { x } = decodeDataset(file);
    file.fill(0);
    expect([...x.values]).toEqual([0.5]);
  });

  const x = u8("x", [2, 1], 1, 2);
  const y = u8("y", [2], 0, 1);
  test.each<[string, Tensor[], Record<string, string>, string]>([
    ["no samples' tensor", [y], {}, 'no tensor "x"'],
    ["no labels' tensor", [x], {}, 'no tensor "y"'],
    ["fewer labels", [x, u8("y", [1], 0)], {}, "x has 2 samples, y 1 labels"],
    ["no samples", [u8("x", [0, 1]), u8("y", [0])], {}, "no samples"],
    ["samples of nothing", [u8("x", [2, 0]), y], {}, "no samples"],
    ["scalars", [u8("x", [], 1), u8("y", [], 1)], {}, "no samples"],
    [
      "a label out of range",
      [x, y],
      { classes: "1" },
      "whole numbers in 0..0 by its metadata; the first is number 1",
    ],
    ["a divisor of zero", [x, y], { divisor: "0" }, '"divisor" must be a positive number'],
    ["a divisor that is not a number", [x, y], { divisor: "s3cret" }, '"divisor" must be a positive number'],
  ])("refuses %s", (_, tensors, metadata, message) => {
    const decode = () => decodeDataset(encodeSafetensors(tensors, metadata));
    expect(decode).toThrow(
      expect.objectContaining({ code: "invalid-argument", message: expect.stringContaining(message) }),
    );
    expect(decode).not.toThrow(/s3cret/);
  });

  test("refuses half a label where classes are counted", () => {
    const file = encodeSafetensors([x, { name: "y", dtype: "F32", shape: [2], data: floats(0, 0.5) }], {
      classes: "2",
    });
    expect(() => decodeDataset(file)).toThrow("1 of its labels are not one of its classes");
  });

  test("refuses what is truncated or longer than it says", () => {
    const file = encodeSafetensors([x, y]);
    for (const end of [0, 3, 8, 20, file.length - 1]) {
      expect(() => decodeDataset(file.subarray(0, end))).toThrow(
        expect.objectContaining({ code: "data-loss" }),
      );
    }
    expect(() => decodeDataset(Uint8Array.of(...file, 1))).toThrow("bytes follow its last tensor");
  });

  const text = (content: string) => Uint8Array.from(content, (letter) => letter.charCodeAt(0));
  test.each([
    ["age,sex,label\n7,1,0\n", "text, such as CSV or JSON"],
    ['{"access_token":"ya29.secret"}', "text, such as CSV or JSON"],
    ["\x93NUMPY\x01\x00v\x00{'descr'", "a NumPy .npy file"],
    ["PK\x03\x04\x14\x00\x00\x00\x08", "a zip archive, such as a NumPy .npz file"],
    ["\x1f\x8b\x08\x00\x00\x00\x00\x00\x00", "compressed by gzip"],
    ["\x00\x01\x02\x03\x04\x05\x06\x07\x08", "not a safetensors file, or damaged"],
    ["\x0e\x00\x00\x00\x00\x00\x00\x00no JSON at all", "not a safetensors file, or damaged"],
  ])("says what %j is, without its content", (content, format) => {
    const decode = () => decodeDataset(text(content));
    expect(decode).toThrow(
      expect.objectContaining({ code: "invalid-argument", message: expect.stringContaining(format) }),
    );
    const length = new DataView(text(content).buffer).getBigUint64(0, true);
    expect(decode).not.toThrow(new RegExp(`\\b${length}\\b|sex|access|token|ya29|descr|no JSON at all`));
  });
});

/** Little-endian bytes of some values as a dtype stores them, and what they are. */
const stored: Record<Dtype, { readonly bytes: ArrayBufferView; readonly values: readonly number[] }> = {
  BOOL: { bytes: Uint8Array.of(0, 1, 1, 0), values: [0, 1, 1, 0] },
  U8: { bytes: Uint8Array.of(0, 1, 200, 255), values: [0, 1, 200, 255] },
  I8: { bytes: Int8Array.of(0, 1, -128, 127), values: [0, 1, -128, 127] },
  U16: { bytes: Uint16Array.of(0, 1, 258, 65_535), values: [0, 1, 258, 65_535] },
  I16: { bytes: Int16Array.of(0, 1, -32_768, 258), values: [0, 1, -32_768, 258] },
  U32: { bytes: Uint32Array.of(0, 1, 66_051, 2 ** 32 - 2 ** 8), values: [0, 1, 66_051, 2 ** 32 - 2 ** 8] },
  I32: { bytes: Int32Array.of(0, 1, -(2 ** 31), 66_051), values: [0, 1, -(2 ** 31), 66_051] },
  U64: { bytes: BigUint64Array.of(0n, 1n, 2n ** 40n, 2n ** 63n), values: [0, 1, 2 ** 40, 2 ** 63] },
  I64: { bytes: BigInt64Array.of(0n, 1n, -1n, -(2n ** 40n)), values: [0, 1, -1, -(2 ** 40)] },
  F16: { bytes: Uint16Array.of(0, 0x3c00, 0xc100, 0x0001), values: [0, 1, -2.5, 2 ** -24] },
  BF16: { bytes: Uint16Array.of(0, 0x3f80, 0xc020, 0x4040), values: [0, 1, -2.5, 3] },
  F32: { bytes: Float32Array.of(0, 1, -2.5, 1e30), values: [0, 1, -2.5, Math.fround(1e30)] },
  F64: { bytes: Float64Array.of(0, 1, -2.5, 1 / 3), values: [0, 1, -2.5, Math.fround(1 / 3)] },
};
const dtypes = Object.keys(stored) as Dtype[];

function tensorOf(name: string, dtype: Dtype, shape: readonly number[]): Tensor {
  const { bytes: view } = stored[dtype];
  return { name, dtype, shape, data: new Uint8Array(view.buffer, view.byteOffset, view.byteLength) };
}

describe("readDataset", () => {
  let folder = "";
  let server: Awaited<ReturnType<typeof startBucket>>;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "fedstratus data-"));
    server = await startBucket();
  });
  afterAll(async () => {
    await server.close();
    rmSync(folder, { recursive: true });
  });

  /** The same file from every place that the guide names. */
  async function everyWay(file: Uint8Array): Promise<readonly Dataset[]> {
    const path = join(folder, "clinic-07.safetensors");
    writeFileSync(path, file);
    server.put(file);
    const addresses = [pathToFileURL(path).href, "gs://data/clients/clinic-07.safetensors"];
    const options = { tokens: server.tokens, storageEndpoint: server.endpoint };
    return Promise.all(
      addresses.map(async (address) => readDataset(await openSource(address, options), { memoryMib: 2_048 })),
    );
  }

  test.each(dtypes)("%s comes from a folder and a bucket as it was written", async (dtype) => {
    const { values } = stored[dtype];
    for (const divisor of [1, 3]) {
      const file = encodeSafetensors(
        [u8("an odd one", [3], 1, 2, 3), tensorOf("x", dtype, [4, 1]), tensorOf("y", dtype, [4])],
        divisor === 1 ? {} : { divisor: String(divisor) },
      );
      for (const data of await everyWay(file)) {
        expect(data.x.shape).toEqual([4, 1]);
        expect([...data.x.values]).toEqual(values.map((value) => Math.fround(value / divisor)));
        expect([...data.y.values]).toEqual(values.map(Math.fround));
      }
    }
  });

  test.each(dtypes)("%s is whole however many values there are", (dtype) => {
    // More bytes than are converted at a time, whatever the width, and no multiple of it.
    const copies = 150_001;
    const tensor = tensorOf("x", dtype, [4 * copies, 1]);
    const data = Buffer.concat(Array.from({ length: copies }, () => tensor.data));
    const { x, y } = decodeDataset(
      encodeSafetensors([
        { ...tensor, data },
        { ...tensor, name: "y", shape: [4 * copies], data },
      ]),
    );
    const values = stored[dtype].values.map(Math.fround);
    for (const part of [x, y]) {
      expect(part.values).toHaveLength(4 * copies);
      expect(part.values.findIndex((value, i) => value !== values[i % 4])).toBe(-1);
    }
  });

  test("takes no type much longer than a plain loop, whichever others came before", () => {
    const count = 200_000;
    const timed = (work: () => void) => {
      const startMs = performance.now();
      work();
      return performance.now() - startMs;
    };
    const input = new Uint8Array(count).fill(1);
    const loop = () => {
      const values = new Float32Array(count);
      for (let i = 0; i < count; i++) values[i] = (input[i] ?? 0) / 3;
    };
    for (const dtype of dtypes) {
      const bytes = new Uint8Array(count * itemBytes[dtype]).fill(1);
      // Side by side, for the machine may be busy with other things at any time.
      const ratios = Array.from({ length: 25 }, () => {
        const tookMs = timed(() => new FloatSink(dtype, count, 3).push(bytes));
        return tookMs / timed(loop);
      });
      expect(ratios.toSorted((a, b) => a - b)[6], dtype).toBeLessThan(4);
    }
  });

  test("is the same however the file is cut into pieces", () =>
    fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...dtypes),
        fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 40 }),
        async (dtype, cuts) => {
          const file = encodeSafetensors([tensorOf("x", dtype, [4, 1]), tensorOf("y", dtype, [4])]);
          const whole = decodeDataset(file);
          let at = 0;
          const chunks = [...cuts, file.length].map((size) => {
            const chunk = Buffer.from(file.subarray(at, at + size));
            at += size;
            return chunk;
          });
          const source = {
            address: "a",
            version: "1",
            sizeBytes: file.length,
            chunks: inTurn(chunks),
            close,
          };
          expect(await readDataset(source)).toEqual(whole);
        },
      ),
    ));

  test("refuses by the header what the memory cannot hold, and says which can", async () => {
    const rows = 1_000_000_000;
    const header = JSON.stringify({
      x: { dtype: "U8", shape: [rows], data_offsets: [0, rows] },
      y: { dtype: "U8", shape: [rows], data_offsets: [rows, 2 * rows] },
    });
    const length = new Uint8Array(8);
    new DataView(length.buffer).setBigUint64(0, BigInt(header.length), true);
    let [taken, closed] = [0, 0];
    const chunks = async function* () {
      for (const part of [length, Buffer.from(header), new Uint8Array(2 ** 20)]) {
        taken += 1;
        yield part;
      }
    };
    const source = {
      address: "gs://b/o",
      version: "1",
      sizeBytes: null,
      chunks: chunks(),
      close: async () => void closed++,
    };
    const error = await refusalOf(() => readDataset(source, { memoryMib: 1_024 }));
    expect(error).toMatchObject({ code: "too-large", retry: "never" });
    expect(error.message).toBe(
      "The data set at gs://b/o takes 7630 MiB as float32, and this function's 1024 MiB of memory have room for 424: " +
        "give the function at least 8230 MiB, or write fewer samples.",
    );
    expect([taken, closed]).toEqual([2, 1]);
  });

  test("leaves the smallest function some room", async () => {
    const file = encodeSafetensors([u8("x", [2, 1], 1, 2), u8("y", [2], 0, 1)]);
    const source = { address: "a", version: "1", sizeBytes: null, chunks: inTurn([file]), close };
    await expect(readDataset(source, { memoryMib: 128 })).resolves.toMatchObject({ y: { shape: [2] } });
  });

  test("closes what it cannot read", async () => {
    let closed = 0;
    const source = {
      address: "gs://b/o",
      version: "1",
      sizeBytes: null,
      chunks: inTurn([Buffer.from("a,b,c,d,e\n")]),
      close: async () => void closed++,
    };
    const error = await refusalOf(() => readDataset(source));
    expect(error.message).toContain("gs://b/o: it is not a safetensors file");
    expect(closed).toBe(1);
  });
});

async function* inTurn(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

async function close(): Promise<void> {}

/** A bucket with one object. */
async function startBucket() {
  let content: Uint8Array = new Uint8Array(0);
  const server = createServer((_, response) => response.end(content));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    tokens: { accessToken: async () => "token", fetchIdToken: async () => "token" },
    put: (file: Uint8Array) => {
      content = file;
    },
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}

describe("loadFashionMnist", () => {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "fedstratus-data-"));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });
  const put = (name: string, ...values: number[]) =>
    writeFileSync(join(folder, name), gzipSync(bytes(...values)));
  const imagesHeader = [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2];

  test("reads one part", async () => {
    put("t10k-images-idx3-ubyte.gz", ...imagesHeader, 1, 2, 3, 4);
    put("t10k-labels-idx1-ubyte.gz", 0, 0, 8, 1, 0, 0, 0, 2, 9, 5);
    const { pixels, labels, ...rest } = await loadFashionMnist(folder, "test");
    expect(rest).toEqual({ height: 1, width: 2, classes: 10 });
    expect([...pixels]).toEqual([1, 2, 3, 4]);
    expect([...labels]).toEqual([9, 5]);
  });

  test("says what to run where a file is missing", async () => {
    await expect(loadFashionMnist(folder, "train")).rejects.toThrow(/cannot be read; set-up fetches it/);
  });

  test("refuses labels of other images", async () => {
    put("train-images-idx3-ubyte.gz", ...imagesHeader, 1, 2, 3, 4);
    put("train-labels-idx1-ubyte.gz", 0, 0, 8, 1, 0, 0, 0, 1, 9);
    await expect(loadFashionMnist(folder, "train")).rejects.toThrow(/do not fit/);
  });
});
