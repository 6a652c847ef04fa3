// Data that attack: files of some kilobytes that ask for gigabytes, in every format. Each is refused, or its
// bad rows are, by a client of 512 MiB in a process of its own, whose memory is measured.
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { crc32, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { nodeOptions } from "../../shared/cloud/tensors/nodeOptions.ts";
import type { DataMeasured } from "../support/dataReader.ts";
import { completeEnvironment } from "../support/functionEnvironment.ts";
import { parquetFile, zigzag } from "../support/parquetFile.ts";

vi.setConfig({ testTimeout: 120_000 });

const MEMORY_MIB = 512;
const MIB = 2 ** 20;
/** What a process takes that reads a few good rows is some 130 MiB. */
const MOST_MIB = 300;

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "fedstratus hostile-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function npy(descr: string, shape: string): Buffer {
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape}), }`;
  const head = Buffer.from("\x93NUMPY\x01\x00\x00\x00", "latin1");
  head.writeUInt16LE(text.length + 1, 8);
  return Buffer.concat([head, Buffer.from(`${text}\n`)]);
}

/** A zip archive of one deflated member, without a directory that anybody would need. */
function zipMember(name: string, content: Buffer): Buffer {
  const deflated = deflateRawSync(content, { level: 9 });
  const header = Buffer.alloc(30);
  header.write("PK\x03\x04", "latin1");
  header.writeUInt16LE(20, 4);
  header.writeUInt16LE(8, 8);
  header.writeUInt32LE(deflated.byteLength, 18);
  header.writeUInt32LE(content.byteLength, 22);
  header.writeUInt16LE(name.length, 26);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06", "latin1");
  return Buffer.concat([header, Buffer.from(name), deflated, end]);
}

const pngChunk = (type: string, data: Buffer): Buffer => {
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.byteLength);
  const body = Buffer.concat([Buffer.from(type), data]);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
};

function png(width: number, height: number, pixels: Buffer, ...more: readonly Buffer[]): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 0, 0, 0, 0], 8);
  const signature = Buffer.from("\x89PNG\r\n\x1a\n", "latin1");
  return Buffer.concat([
    signature,
    pngChunk("IHDR", header),
    ...more,
    pngChunk("IDAT", pixels),
    pngChunk("IEND", Buffer.alloc(0)),
  ]);
}

/** Up to its first scan, a JPEG of one component. */
function jpeg(width: number, height: number): Buffer {
  const frame = Buffer.from([0xff, 0xc0, 0, 11, 8, 0, 0, 0, 0, 1, 1, 0x11, 0]);
  frame.writeUInt16BE(height, 5);
  frame.writeUInt16BE(width, 7);
  const table = Buffer.concat([Buffer.from([0xff, 0xdb, 0, 67, 0]), Buffer.alloc(64, 1)]);
  const scan = Buffer.from([0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0, 0, 0xff, 0xd9]);
  return Buffer.concat([Buffer.from([0xff, 0xd8]), table, frame, scan]);
}

function idx(...sizes: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 + 4 * sizes.length);
  bytes.writeUInt32BE(0x0800 + sizes.length, 0);
  for (const [i, size] of sizes.entries()) bytes.writeUInt32BE(size, 4 + 4 * i);
  return bytes;
}

/** A Parquet file of a footer alone. */
function parquet(footer: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(footer.byteLength);
  return Buffer.concat([Buffer.from("PAR1"), footer, length, Buffer.from("PAR1")]);
}

/** So many numbers as differences in blocks of 128: `first`, and then all the same. */
function twoNumbers(count: number, first: number, others: number): Buffer {
  const least = Math.min(0, others - first);
  const block = Buffer.alloc(4 * 128);
  for (let i = 0; i < 128; i++) block.writeUInt32LE((i === 0 ? others - first : 0) - least, 4 * i);
  const later = new Array(Math.ceil((count - 1) / 128) - 1).fill([0, 0, 0, 0, 0]).flat();
  return Buffer.concat([
    Buffer.from([0x80, 0x01, 4, 0, ...zigzag(first), ...zigzag(least), 32, 32, 32, 32]),
    block,
    Buffer.from(later),
  ]);
}

/** Texts of which each repeats the first one. */
const repeated = (count: number, bytes: number): Buffer =>
  Buffer.concat([twoNumbers(count, 0, bytes), twoNumbers(count, bytes, 0), Buffer.alloc(bytes, 97)]);

/** One run of so many levels 1. */
function levels(count: number): Buffer {
  const run = Buffer.from([...zigzag(count), 1]);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(run.byteLength);
  return Buffer.concat([length, run]);
}
const texts = { type: 6, converted: 0 };
const [GZIP, ZSTD] = [2, 6];

/** Gzip archives one after the other are one archive: so many MiB of it, made of few bytes. */
const gzipped = (block: Buffer, mib: number): Buffer =>
  Buffer.concat(new Array(Math.ceil((mib * MIB) / block.byteLength)).fill(gzipSync(block, { level: 9 })));

function safetensors(headerBytes: number, header: Buffer): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(headerBytes));
  return Buffer.concat([length, header]);
}

const table = { kind: "table", inputs: ["a"], target: "label", maxRefusedShare: 0 };
const images = { kind: "images", classes: ["a", "b"], height: 2, width: 2, channels: 1, maxRefusedShare: 0 };
const arrays = (inputs: string, target = "y.npy") => ({ kind: "arrays", inputs, target });
const y = Buffer.concat([npy("|u1", "4,"), Buffer.from([0, 1, 0, 1])]);
const deep = 4_000_000;

interface Attack {
  readonly files: Readonly<Record<string, () => Buffer>>;
  readonly features?: object;
  readonly refusal: RegExp;
}

const attacks: Readonly<Record<string, Attack>> = {
  "gzip: a table of 400 MiB": {
    files: {
      "t.csv.gz": () =>
        Buffer.concat([gzipSync("a,label\n"), gzipped(Buffer.from("1,0\n".repeat(MIB)), 400)]),
    },
    features: table,
    refusal: /decompress it/,
  },
  "gzip: a line of 400 MiB": {
    files: {
      "t.csv.gz": () => Buffer.concat([gzipSync("a,label\n"), gzipped(Buffer.alloc(4 * MIB, 49), 400)]),
    },
    features: table,
    refusal: /too-long 1/,
  },
  "gzip: a shape that is absurd": {
    files: { "x.npy.gz": () => gzipSync(npy("<f4", "4, 1000000000000")), "y.npy": () => y },
    features: arrays("x.npy.gz"),
    refusal: /One sample of the data set .* takes 4000000000001 bytes/,
  },
  "npz: an array of 512 MiB that says it has 12 values": {
    files: {
      "t.npz": () => zipMember("x.npy", Buffer.concat([npy("<f4", "4, 3"), Buffer.alloc(512 * MIB)])),
    },
    refusal: /bytes follow the last value of an array/,
  },
  "npz: a shape that is absurd": {
    files: {
      "t.npz": () => zipMember("x.npy", Buffer.concat([npy("<f4", "1000000000000, 3"), Buffer.alloc(MIB)])),
    },
    refusal: /takes more memory as float32 than this function has room for/,
  },
  "npz: a header without an end": {
    files: {
      "t.npz": () =>
        zipMember(
          "x.npy",
          Buffer.concat([
            Buffer.from("\x93NUMPY\x02\x00\xff\xff\xff\x7f", "latin1"),
            Buffer.alloc(64 * MIB, 32),
          ]),
        ),
    },
    refusal: /its header is too long/,
  },
  "npy: a shape that is absurd": {
    files: { "x.npy": () => npy("<f8", "99999999, 99999999"), "y.npy": () => y },
    features: arrays("x.npy"),
    refusal: /truncated|shape is too large/,
  },
  "npy: 10¹⁵ samples of nothing": {
    files: {
      "x.npy": () => npy("<f4", "1000000000000000, 0"),
      "y.npy": () => npy("<f4", "1000000000000000, 0"),
    },
    features: arrays("x.npy"),
    refusal: /a sample or its label has no values/,
  },
  "idx: dimensions that overflow": {
    files: {
      "x.idx": () => idx(4_294_967_295, 4_294_967_295, 4_294_967_295),
      "y.idx": () => idx(4_294_967_295),
    },
    features: arrays("x.idx", "y.idx"),
    refusal: /its shape is too large/,
  },
  "safetensors: a header of 2⁴⁰ bytes": {
    files: { "t.safetensors": () => safetensors(2 ** 40, Buffer.from("{}")) },
    refusal: /header cannot be read/,
  },
  "safetensors: a header that is nested": {
    files: {
      "t.safetensors": () =>
        safetensors(24 * MIB, Buffer.concat([Buffer.from('{"x":'), Buffer.alloc(24 * MIB - 5, "[")])),
    },
    refusal: /header cannot be read/,
  },
  "parquet: a list of 32 million": {
    // version 1, then `schema` as a list of structs.
    files: {
      "t.parquet": () => parquet(Buffer.from([0x15, 0x02, 0x19, 0xfc, 0xff, 0xff, 0xff, 0x0f, 0x00])),
    },
    features: table,
    refusal: /no Parquet file that can be read/,
  },
  "parquet: a number of a million bytes": {
    files: { "t.parquet": () => parquet(Buffer.concat([Buffer.from([0x16]), Buffer.alloc(MIB - 8, 0x80)])) },
    features: table,
    refusal: /no Parquet file that can be read/,
  },
  "parquet: structures within structures": {
    files: { "t.parquet": () => parquet(Buffer.alloc(MIB - 8, 0x1c)) },
    features: table,
    refusal: /no Parquet file that can be read/,
  },
  "parquet: a footer of 20 MiB": {
    files: { "t.parquet": () => parquet(Buffer.alloc(20 * MIB)) },
    features: table,
    refusal: /footer .* too many for this function's memory/,
  },
  "parquet: texts of a megabyte, each the one before": {
    files: {
      "t.parquet": () =>
        parquetFile({
          ...texts,
          rows: 20_000,
          pages: [{ encoding: 7, values: 20_000, content: repeated(20_000, MIB) }],
        }),
    },
    features: table,
    refusal: /take more than the file says/,
  },
  "parquet: a run of 2²⁹ levels": {
    files: {
      "t.parquet": () =>
        parquetFile({
          path: [["a", 1]],
          type: 1,
          rows: 4,
          pages: [{ values: 4, content: Buffer.concat([levels(2 ** 29), Buffer.alloc(16)]) }],
        }),
    },
    features: table,
    refusal: /no Parquet file that can be read/,
  },
  "parquet: a run of 2²⁹ entries of a dictionary": {
    files: {
      "t.parquet": () =>
        parquetFile({
          ...texts,
          rows: 4,
          pages: [
            { type: "dictionary", values: 1, content: Buffer.from([1, 0, 0, 0, 97]) },
            { encoding: 8, values: 4, content: Buffer.from([1, ...zigzag(2 ** 29), 0]) },
          ],
        }),
    },
    features: table,
    refusal: /no Parquet file that can be read/,
  },
  "parquet: a Zstandard page of 512 MiB that says it has 16 bytes": {
    files: {
      "t.parquet": () =>
        parquetFile({
          type: 1,
          codec: ZSTD,
          rows: 4,
          pages: [{ values: 4, uncompressedBytes: 16, content: zstdCompressSync(Buffer.alloc(512 * MIB)) }],
        }),
    },
    features: table,
    refusal: /no Parquet file that can be read/,
  },
  "parquet: a gzip page of 512 MiB that says it has 16 bytes": {
    files: {
      "t.parquet": () =>
        parquetFile({
          type: 1,
          codec: GZIP,
          rows: 4,
          pages: [
            { values: 4, uncompressedBytes: 16, content: gzipSync(Buffer.alloc(512 * MIB), { level: 9 }) },
          ],
        }),
    },
    features: table,
    refusal: /no Parquet file that can be read/,
  },
  "parquet: forty pages, each of a text of 20 MiB": {
    files: {
      "t.parquet": () => {
        const content = Buffer.alloc(20 * MIB + 4, 97);
        content.writeUInt32LE(20 * MIB);
        const page = { values: 1, uncompressedBytes: content.byteLength, content: zstdCompressSync(content) };
        return parquetFile({ ...texts, codec: ZSTD, rows: 40, pages: new Array(40).fill(page) });
      },
    },
    features: table,
    refusal: /take more than the file says/,
  },
  "parquet: a million empty texts": {
    files: {
      "t.parquet": () => {
        const content = Buffer.alloc(4 * 1_000_000);
        const page = {
          values: 1_000_000,
          uncompressedBytes: content.byteLength,
          content: zstdCompressSync(content),
        };
        return parquetFile({ ...texts, codec: ZSTD, rows: 1_000_000, pages: [page] });
      },
    },
    features: table,
    refusal: /take more than the file says/,
  },
  "parquet: a million values of 4,096 bytes, a byte of each": {
    files: {
      "t.parquet": () =>
        parquetFile({
          type: 7,
          fixedBytes: 4_096,
          rows: 1_000_000,
          pages: [{ encoding: 9, values: 1_000_000, content: Buffer.alloc(1_000_000) }],
        }),
    },
    features: table,
    refusal: /no Parquet file that can be read/,
  },
  "parquet: a dictionary of more values than it has bytes": {
    files: {
      "t.parquet": () =>
        parquetFile({
          ...texts,
          rows: 4,
          pages: [
            { type: "dictionary", values: 30_000_000, content: Buffer.alloc(4 * MIB) },
            { encoding: 8, values: 4, content: Buffer.from([1, 8, 0]) },
          ],
        }),
    },
    features: table,
    refusal: /no Parquet file that can be read/,
  },
  "parquet: a million lists within lists": {
    files: {
      "t.parquet": () => {
        const content = Buffer.concat([
          // All begin at the outermost list, and go down to the innermost.
          Buffer.from([5, 0, 0, 0, ...zigzag(1_000_000), 0]),
          Buffer.from([5, 0, 0, 0, ...zigzag(1_000_000), 20]),
          Buffer.alloc(4_000_000),
        ]);
        return parquetFile({
          path: [["a", 2], ...new Array(19).fill(["l", 2])],
          type: 1,
          rows: 1_000_000,
          pages: [{ values: 1_000_000, content }],
        });
      },
    },
    features: { ...table, inputs: [{ column: "a", type: "numbers", size: 1 }] },
    refusal: /take more than the file says|no Parquet file that can be read/,
  },
  "parquet: columns within columns, fifty thousand deep": {
    files: {
      "t.parquet": () =>
        parquetFile({
          path: new Array(50_000).fill(["a", 0]),
          type: 1,
          rows: 4,
          pages: [{ values: 4, content: Buffer.alloc(16) }],
        }),
    },
    features: table,
    refusal: /no Parquet file that can be read/,
  },
  "parquet: JSON": {
    files: {
      "t.parquet": () =>
        parquetFile({
          type: 6,
          converted: 19,
          rows: 1,
          pages: [{ values: 1, content: Buffer.from([2, 0, 0, 0, 91, 93]) }],
        }),
    },
    features: table,
    refusal: /"a" cannot be read, it holds JSON/,
  },
  "PNG: 60,000 × 60,000 pixels": {
    files: { "a/1.png": () => png(60_000, 60_000, deflateSync(Buffer.alloc(MIB))) },
    features: images,
    refusal: /wrong-size 1/,
  },
  "PNG: one pixel of 512 MiB": {
    files: { "a/1.png": () => png(1, 1, deflateSync(Buffer.alloc(512 * MIB), { level: 9 })) },
    features: images,
    refusal: /unreadable-image 1/,
  },
  "PNG: a text of 512 MiB beside a good image": {
    files: {
      "a/1.png": () =>
        png(
          1,
          1,
          deflateSync(Buffer.from([0, 7])),
          pngChunk(
            "zTXt",
            Buffer.concat([Buffer.from("k\0\0"), deflateSync(Buffer.alloc(512 * MIB), { level: 9 })]),
          ),
        ),
    },
    features: images,
    refusal: /^$/,
  },
  "JPEG: 60,000 × 60,000 pixels": {
    files: { "a/1.jpg": () => jpeg(60_000, 60_000) },
    features: images,
    refusal: /wrong-size 1/,
  },
  "CSV: a field of 128 MiB": {
    files: { "t.csv": () => Buffer.concat([Buffer.from("a,label\n"), Buffer.alloc(128 * MIB, "1")]) },
    features: table,
    refusal: /too-long 1/,
  },
  "CSV: a quotation mark that is never closed": {
    files: { "t.csv": () => Buffer.concat([Buffer.from('a,label\n"'), Buffer.alloc(64 * MIB, "1\n")]) },
    features: table,
    refusal: /rows cannot be used|rows can be used/,
  },
  "CSV: a row of 8 million fields": {
    files: {
      "t.csv": () =>
        Buffer.concat([Buffer.from("a,label\n"), Buffer.alloc(8 * MIB - 64, ","), Buffer.from("\n")]),
    },
    features: table,
    refusal: /wrong-columns 1/,
  },
  "CSV: a header of 8 million columns": {
    files: { "t.csv": () => Buffer.concat([Buffer.alloc(8 * MIB - 64, "a,"), Buffer.from("\n1,0\n")]) },
    features: table,
    refusal: /more than 100000 columns/,
  },
  "JSON: lists within lists, four million deep": {
    files: { "t.jsonl": () => Buffer.from(`{"a":${"[".repeat(deep)}${"]".repeat(deep)},"label":0}\n`) },
    features: table,
    refusal: /too-long 1/,
  },
  "JSON: four million values": {
    files: { "t.jsonl": () => Buffer.from(`{"a":[${"1,".repeat(4_000_000)}1],"label":0}\n`) },
    features: table,
    refusal: /too-long 1/,
  },
};

async function measure(attack: Attack): Promise<DataMeasured> {
  const place = mkdtempSync(join(folder, "data-"));
  for (const [name, content] of Object.entries(attack.files)) {
    mkdirSync(dirname(join(place, name)), { recursive: true });
    writeFileSync(join(place, name), content());
  }
  const [only = "", ...others] = Object.keys(attack.files);
  const isFolder = others.length > 0 || only.includes("/");
  if (attack.features !== undefined) writeFileSync(`${place}.json`, JSON.stringify(attack.features));
  const job = JSON.stringify({ function: "client" });
  const reader = fork(fileURLToPath(new URL("../support/dataReader.ts", import.meta.url)), [job], {
    env: {
      ...process.env,
      ...completeEnvironment,
      MEMORY_MIB: String(MEMORY_MIB),
      NODE_OPTIONS: nodeOptions(MEMORY_MIB),
      CLIENT_DATA: pathToFileURL(isFolder ? place : join(place, only)).href + (isFolder ? "/" : ""),
      ...(attack.features === undefined ? {} : { CLIENT_FEATURES: pathToFileURL(`${place}.json`).href }),
    },
  });
  const ended = once(reader, "exit").then(([code]) => {
    throw new Error(`It ended with ${code}.`);
  });
  ended.catch(() => undefined);
  const [measured] = await Promise.race([once(reader, "message"), ended]);
  return measured;
}

// Only Linux reports a process's peak memory.
test.runIf(process.platform === "linux").each(Object.keys(attacks))("%s", async (name) => {
  const attack = attacks[name];
  if (attack === undefined) throw new Error("no such attack");
  const { peakMib, refusal } = await measure(attack);
  expect(refusal?.message ?? "").toMatch(attack.refusal);
  expect(peakMib).toBeLessThan(MOST_MIB);
  process.stdout.write(`${name}: ${peakMib.toFixed(0)} MiB\n`);
});
