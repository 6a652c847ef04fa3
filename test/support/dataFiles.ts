// The same few samples as files of every format that there is a reader for, and readers of them.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { encode as encodePng } from "fast-png";
import { zipSync } from "fflate";
import { parquetWriteBuffer } from "hyparquet-writer";
import { readData } from "../../shared/cloud/data/readData.ts";
import { encodeSafetensors } from "../../shared/core/updates/safetensors.ts";

/** Two numbers a row and the class of it. */
export interface Sample {
  readonly a: number;
  readonly b: number;
  readonly label: number;
}

/** Where a data set is, and what its features file says. */
export interface Written {
  /** Of the file, folder or pattern, below the folder. */
  readonly address: string;
  readonly features?: object | undefined;
}

export interface Format {
  readonly name: string;
  /** Writes the samples below a folder. */
  readonly write: (folder: string, samples: readonly Sample[]) => Written;
}

export const table = { kind: "table", inputs: ["a", "b"], target: "label" } as const;

export function put(folder: string, name: string, content: string | Uint8Array): void {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

export function csvOf(samples: readonly Sample[], delimiter = ",", newline = "\n"): string {
  const rows = samples.map(({ a, b, label }) => [a, b, label].join(delimiter));
  return [["a", "b", "label"].join(delimiter), ...rows, ""].join(newline);
}

export function jsonLinesOf(samples: readonly Sample[]): string {
  return samples.map((sample) => `${JSON.stringify(sample)}\n`).join("");
}

export function parquetOf(samples: readonly Sample[], rowGroupSize = 7): Uint8Array {
  const columns = (["a", "b", "label"] as const).map((name) => ({
    name,
    data: Float64Array.from(samples, (sample) => sample[name]),
    type: "DOUBLE" as const,
  }));
  return new Uint8Array(parquetWriteBuffer({ columnData: columns, rowGroupSize }));
}

/** NumPy's format, version 1.0. */
function npyOf(descr: string, shape: readonly number[], data: Uint8Array, order = "False"): Buffer {
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const text = `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': (${tuple}), }`;
  const padded = text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11, " ");
  const head = Buffer.alloc(10);
  head.write("\x93NUMPY\x01\x00", "latin1");
  head.writeUInt16LE(padded.length + 1, 8);
  return Buffer.concat([head, Buffer.from(`${padded}\n`), data]);
}

function floats(values: readonly number[]): Uint8Array {
  return new Uint8Array(Float32Array.from(values).buffer);
}

function idxOf(shape: readonly number[], values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 + 4 * shape.length + 4 * values.length);
  bytes.writeUInt32BE(0x0d00 + shape.length, 0);
  for (const [i, size] of shape.entries()) bytes.writeUInt32BE(size, 4 + 4 * i);
  for (const [i, value] of values.entries()) bytes.writeFloatBE(value, 4 + 4 * shape.length + 4 * i);
  return bytes;
}

const both = (samples: readonly Sample[]) => samples.flatMap(({ a, b }) => [a, b]);
const labels = (samples: readonly Sample[]) => samples.map(({ label }) => label);

function tensorsOf(samples: readonly Sample[]): Uint8Array {
  return encodeSafetensors([
    { name: "x", dtype: "F32", shape: [samples.length, 2], data: floats(both(samples)) },
    { name: "y", dtype: "F32", shape: [samples.length], data: floats(labels(samples)) },
  ]);
}

const file = (
  name: string,
  features: object | undefined,
  contentOf: (samples: readonly Sample[]) => string | Uint8Array,
): Format => ({
  name,
  write: (folder, samples) => {
    put(folder, name, contentOf(samples));
    return { address: name, ...(features === undefined ? {} : { features }) };
  },
});

/** Two files of about half of the samples each. */
const halves = (
  name: string,
  features: object | undefined,
  address: string,
  contentOf: (samples: readonly Sample[]) => string | Uint8Array,
  ending: string,
): Format => ({
  name,
  write: (folder, samples) => {
    const middle = Math.ceil(samples.length / 2);
    put(folder, `parts/2026/a${ending}`, contentOf(samples.slice(0, middle)));
    put(folder, `parts/2026/b${ending}`, contentOf(samples.slice(middle)));
    put(folder, "parts/2026/_SUCCESS", "");
    return { address, ...(features === undefined ? {} : { features }) };
  },
});

export const formats: readonly Format[] = [
  file("plain.safetensors", undefined, tensorsOf),
  file("named.safetensors", { kind: "arrays" }, tensorsOf),
  halves("a folder of safetensors", { kind: "arrays" }, "parts", tensorsOf, ".safetensors"),
  file("t.csv", table, csvOf),
  file("t.csv.gz", table, (samples) => gzipSync(csvOf(samples))),
  file("returns.csv", table, (samples) => csvOf(samples, ",", "\r\n")),
  file("semicolon.csv", { ...table, delimiter: ";" }, (samples) => csvOf(samples, ";")),
  file("quoted.csv", table, (samples) =>
    ['\ufeff"a",b,label', ...samples.map(({ a, b, label }) => `"${a}",${b},"${label}"`)].join("\r\n"),
  ),
  file("t.tsv", table, (samples) => csvOf(samples, "\t")),
  halves("a folder of CSV", table, "parts", csvOf, ".csv"),
  halves("a pattern", table, "parts/*/*.csv", csvOf, ".csv"),
  halves("a pattern of folders", table, "**/*.csv", csvOf, ".csv"),
  file("t.jsonl", table, jsonLinesOf),
  file("t.ndjson.gz", table, (samples) => gzipSync(jsonLinesOf(samples))),
  file("t.parquet", table, (samples) => parquetOf(samples)),
  halves("a folder of Parquet", table, "parts", (samples) => parquetOf(samples), ".parquet"),
  {
    name: "x.npy and y.npy",
    write: (folder, samples) => {
      put(folder, "arrays/x.npy", npyOf("<f4", [samples.length, 2], floats(both(samples))));
      put(folder, "arrays/y.npy", npyOf("<f4", [samples.length], floats(labels(samples))));
      return { address: "arrays/" };
    },
  },
  {
    name: "big-endian .npy of doubles",
    write: (folder, samples) => {
      const bytes = Buffer.alloc(16 * samples.length);
      for (const [i, value] of both(samples).entries()) bytes.writeDoubleBE(Math.fround(value), 8 * i);
      put(folder, "arrays/data.npy", npyOf(">f8", [samples.length, 2], bytes));
      put(folder, "arrays/classes.npy", npyOf("|u1", [samples.length], Uint8Array.from(labels(samples))));
      return {
        address: "arrays",
        features: { kind: "arrays", inputs: "data", target: "classes", classes: 4 },
      };
    },
  },
  file("t.npz", undefined, (samples) =>
    zipSync({
      "other.npy": npyOf("<f4", [1], floats([1])),
      "y.npy": npyOf("<f4", [samples.length], floats(labels(samples))),
      "x.npy": npyOf("<f4", [samples.length, 2], floats(both(samples))),
    }),
  ),
  file("stored.npz", undefined, (samples) =>
    zipSync(
      {
        "x.npy": npyOf("<f4", [samples.length, 2], floats(both(samples))),
        "y.npy": npyOf("<f4", [samples.length], floats(labels(samples))),
      },
      { level: 0 },
    ),
  ),
  {
    name: "idx",
    write: (folder, samples) => {
      put(folder, "idx/images-idx2-float", idxOf([samples.length, 2], both(samples)));
      put(folder, "idx/labels-idx1-float", idxOf([samples.length], labels(samples)));
      const features = { kind: "arrays", inputs: "images-idx2-float", target: "labels-idx1-float" };
      return { address: "idx", features };
    },
  },
  {
    name: "compressed idx",
    write: (folder, samples) => {
      put(folder, "idx/images-idx2-float.gz", gzipSync(idxOf([samples.length, 2], both(samples))));
      put(folder, "idx/labels-idx1-float.gz", gzipSync(idxOf([samples.length], labels(samples))));
      const features = { kind: "arrays", inputs: "images-idx2-float.gz", target: "labels-idx1-float.gz" };
      return { address: "idx", features };
    },
  },
];

/** A grey image of one row: two pixels, as bytes. */
export function grey(left: number, right: number): Uint8Array {
  return encodePng({ width: 2, height: 1, channels: 1, depth: 8, data: Uint8Array.of(left, right) });
}

/** Reads what was written below a folder. */
export async function readWritten(
  folder: string,
  { address, features }: Written,
  limits: { readonly memoryMib?: number; readonly mayStream?: boolean } = {},
) {
  if (features !== undefined) put(folder, "features/one.json", JSON.stringify(features));
  const base = pathToFileURL(folder).href;
  const tokens = { accessToken: async () => "token", fetchIdToken: async () => "token" };
  return readData(
    {
      address: `${base}/${address}`,
      features: features === undefined ? undefined : `${base}/features/one.json`,
    },
    { tokens },
    { mayStream: true, ...limits },
  );
}
