// Where the values of an array lie in a .npy, .idx or safetensors file, read from its header.
import type { Dtype } from "../../core/updates/safetensors.ts";
import { elementCount, headerEnd, itemBytes, parseHeader } from "../../core/updates/safetensors.ts";
import { badFile, bytesOf, contentOf, cutShort, type DataFile, endingOf, isCompressed } from "./files.ts";

/** An array in a file; the first dimension is the number of samples. */
export interface StoredArray {
  readonly file: DataFile;
  readonly dtype: Dtype;
  readonly isBigEndian: boolean;
  readonly shape: readonly number[];
  /** Place of the first value. */
  readonly begin: number;
  /** What the file says that values are divided by. */
  readonly divisor?: number;
  readonly classes?: number;
}

export type Header = Omit<StoredArray, "file">;

/** Enough for every header but those of safetensors files of thousands of tensors. */
const HEADER_BYTES = 2 ** 16;
const MAX_DIMENSIONS = 32;

/** @throws FlError("invalid-argument") where the header is none; FlError("data-loss") where it is cut short. */
export async function storedArray(file: DataFile, name: string): Promise<StoredArray> {
  const start = await firstBytes(file, HEADER_BYTES);
  const ending = endingOf(file);
  if (ending === "safetensors") return safetensorsArray(file, start, name);
  const header = ending === "npy" ? npyHeader(start, file) : idxHeader(start, file);
  const array = { file, ...header };
  const end = array.begin + elementCount(array.shape) * itemBytes[array.dtype];
  if (!isCompressed(file) && file.sizeBytes < end) throw cutShort(file);
  if (!isCompressed(file) && file.sizeBytes > end) throw badFile(file, "bytes follow its last value");
  return array;
}

async function firstBytes(file: DataFile, most: number): Promise<Buffer> {
  if (!isCompressed(file)) return bytesOf(file, { begin: 0, end: Math.min(file.sizeBytes, most) });
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of contentOf(file)) {
    chunks.push(chunk);
    bytes += chunk.byteLength;
    if (bytes >= most) break;
  }
  return Buffer.concat(chunks);
}

async function safetensorsArray(file: DataFile, start: Buffer, name: string): Promise<StoredArray> {
  const read = <T>(parse: () => T): T => {
    try {
      return parse();
    } catch (cause) {
      throw badFile(file, "its header cannot be read: it is no safetensors file, or damaged", cause);
    }
  };
  const end = read(() => headerEnd(start));
  const bytes = end <= start.byteLength ? start : await firstBytes(file, end);
  const { tensors, metadata, fileBytes } = read(() => parseHeader(bytes));
  if (!isCompressed(file) && file.sizeBytes < fileBytes) throw cutShort(file);
  const found = tensors.find((tensor) => tensor.name === name);
  if (found === undefined) {
    throw badFile(file, `it has no tensor ${JSON.stringify(name)}, but ${tensors.length} of other names`);
  }
  const positive = (key: "divisor" | "classes") => {
    const text = metadata[key];
    const value = Number(text);
    if (text === undefined) return {};
    if (Number.isFinite(value) && value > 0) return { [key]: value };
    throw badFile(file, `its metadata "${key}" must be a positive number in decimal`);
  };
  const { dtype, shape, begin } = found;
  return { file, dtype, isBigEndian: false, shape, begin, ...positive("divisor"), ...positive("classes") };
}

const npyTypes: Readonly<Record<string, Dtype>> = {
  "?": "BOOL",
  b1: "BOOL",
  u1: "U8",
  i1: "I8",
  u2: "U16",
  i2: "I16",
  u4: "U32",
  i4: "I32",
  u8: "U64",
  i8: "I64",
  f2: "F16",
  f4: "F32",
  f8: "F64",
};

const hints: readonly [RegExp, string][] = [
  [/^\|?O/, "it holds Python objects: convert it with astype(np.float32)"],
  [/^[<>|=]?[SU]/, "it holds texts: write numbers, or a table with a category column"],
  [/^[<>=]?c/, "it holds complex numbers: write their parts"],
  [/^[<>=]?[mM]/, "it holds dates or durations: write numbers"],
  [/^[<>=]?f16/, "it holds 128-bit floats: convert it with astype(np.float32)"],
];

/** The header of NumPy's format, versions 1 to 3 (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html). */
export function npyHeader(start: Buffer, file: DataFile): Header {
  if (start.byteLength < 10) throw cutShort(file);
  const version = start[6] ?? 0;
  if (start.toString("latin1", 0, 6) !== "\x93NUMPY" || version < 1 || version > 3) {
    throw badFile(file, "it is no .npy file: write it with numpy.save");
  }
  const [lengthBytes, length] = version === 1 ? [2, start.readUInt16LE(8)] : [4, longLength(start, file)];
  const begin = 8 + lengthBytes + length;
  if (begin > HEADER_BYTES) throw badFile(file, "its header is too long");
  if (start.byteLength < begin) throw cutShort(file);
  const text = start.toString("latin1", 8 + lengthBytes, begin);
  const described = /'descr':\s*(?:'([^']{1,20})'|\[)/.exec(text);
  const order = /'fortran_order':\s*(True|False)/.exec(text)?.[1];
  const dimensions = /'shape':\s*\(([\d,\s]*)\)/.exec(text)?.[1];
  if (described === null || order === undefined || dimensions === undefined) {
    throw badFile(file, "its header cannot be read: write it with numpy.save");
  }
  const type = described[1];
  if (type === undefined) throw badFile(file, "it has named fields: write one plain array");
  const hint = hints.find(([pattern]) => pattern.test(type))?.[1];
  if (hint !== undefined) throw badFile(file, hint);
  const dtype = Object.hasOwn(npyTypes, type.replace(/^[<>|=]/, ""))
    ? npyTypes[type.replace(/^[<>|=]/, "")]
    : undefined;
  if (dtype === undefined)
    throw badFile(file, "its type is none that can be read: convert it with astype(np.float32)");
  if (order === "True") {
    throw badFile(
      file,
      "it is in Fortran order: write it with numpy.save(path, numpy.ascontiguousarray(array))",
    );
  }
  const shape = dimensions
    .split(",")
    .map((size) => size.trim())
    .filter((size) => size !== "")
    .map(Number);
  return { dtype, isBigEndian: type.startsWith(">"), shape: checkedShape(shape, file), begin };
}

function longLength(start: Buffer, file: DataFile): number {
  if (start.byteLength < 12) throw cutShort(file);
  return start.readUInt32LE(8);
}

const idxTypes: Readonly<Record<number, Dtype>> = {
  8: "U8",
  9: "I8",
  11: "I16",
  12: "I32",
  13: "F32",
  14: "F64",
};

/** The header of the MNIST family's format: two zeros, the type, the number of dimensions, their sizes. */
function idxHeader(start: Buffer, file: DataFile): Header {
  if (start.byteLength < 4) throw cutShort(file);
  const [zero, otherZero, type = 0, dimensions = 0] = start;
  const dtype = Object.hasOwn(idxTypes, type) ? idxTypes[type] : undefined;
  if (
    zero !== 0 ||
    otherZero !== 0 ||
    dtype === undefined ||
    dimensions === 0 ||
    dimensions > MAX_DIMENSIONS
  ) {
    throw badFile(file, "it is no idx file: its first four bytes are others");
  }
  const begin = 4 + 4 * dimensions;
  if (start.byteLength < begin) throw cutShort(file);
  const shape = Array.from({ length: dimensions }, (_, i) => start.readUInt32BE(4 + 4 * i));
  return { dtype, isBigEndian: true, shape: checkedShape(shape, file), begin };
}

function checkedShape(shape: readonly number[], file: DataFile): readonly number[] {
  try {
    if (shape.length <= MAX_DIMENSIONS) {
      elementCount(shape);
      return shape;
    }
  } catch {
    // As below.
  }
  throw badFile(file, "its shape is too large");
}
