// The safetensors container (https://huggingface.co/docs/safetensors): how model weights and updates travel
// and rest. File: u64 little-endian header length, JSON header padded with spaces, then the raw data without
// holes.
import { FlError } from "../errors.ts";

/**
 * Bytes of one element, in the order the reference implementation gives the types (it writes the last ones
 * first).
 */
export const itemBytes = {
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
} as const;

export type Dtype = keyof typeof itemBytes;

const dtypeOrder = Object.keys(itemBytes);

/**
 * A named n-dimensional array: its shape (empty for a scalar) and its raw little-endian bytes in row-major
 * order.
 */
export interface Tensor {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/**
 * Where a tensor lies in a file: bytes `begin` (inclusive) to `end` (exclusive), from the start of the file.
 */
export interface TensorEntry {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/** What the header of a file says; tensors are in the order of their bytes. */
export interface SafetensorsHeader {
  readonly tensors: readonly TensorEntry[];
  /** The `__metadata__` of the file, without a prototype; empty when the file has none. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Offset of the first data byte. */
  readonly dataStart: number;
  /** Size of the whole file. */
  readonly fileBytes: number;
}

export interface SafetensorsLimits {
  /**
   * Longest JSON header accepted, in bytes, inclusive. The format itself allows 100,000,000. Default: 1 MiB.
   */
  readonly maxHeaderBytes?: number;
  /**
   * The data must begin at a multiple of it, so that values can be used where they lie. Default 1: anywhere.
   */
  readonly dataAlignment?: number;
}

const lengthBytes = 8;
const defaultMaxHeaderBytes = 2 ** 20;
const metadataKey = "__metadata__";

/**
 * A float32 tensor over the same memory as `values` (row-major). Throws `invalid-argument` when the sizes
 * differ.
 */
export function floatTensor(name: string, shape: readonly number[], values: Float32Array): Tensor {
  const data = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const tensor: Tensor = { name, dtype: "F32", shape, data };
  checkTensor(tensor);
  return tensor;
}

/**
 * The values of an F32 tensor: a view on its bytes when they lie at a multiple of four, a copy otherwise, so
 * do not write into it. Throws `invalid-argument` for another dtype. Assumes a little-endian machine, as all
 * that run Node 24 here.
 */
export function asFloat32(tensor: Tensor): Float32Array {
  if (tensor.dtype !== "F32")
    throw invalid(`tensor ${quoteName(tensor.name)} is ${tensor.dtype}, expected F32`);
  checkTensor(tensor);
  const { data } = tensor;
  // A Buffer's slice would share its memory.
  const aligned = data.byteOffset % Float32Array.BYTES_PER_ELEMENT === 0 ? data : new Uint8Array(data);
  return new Float32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / itemBytes.F32);
}

/** The largest file of tensors of these types and shapes that the limits let through. */
export function maxFileBytes(
  layout: readonly Pick<Tensor, "dtype" | "shape">[],
  { maxHeaderBytes = defaultMaxHeaderBytes }: SafetensorsLimits = {},
): number {
  const dataBytes = layout.reduce((sum, { dtype, shape }) => sum + elementCount(shape) * itemBytes[dtype], 0);
  return lengthBytes + maxHeaderBytes + dataBytes;
}

/**
 * Number of elements of a shape; throws `invalid-argument` unless every dimension and the product are safe
 * integers.
 */
export function elementCount(shape: readonly number[]): number {
  let count = 1;
  for (const dimension of shape) {
    if (!Number.isSafeInteger(dimension) || dimension < 0)
      throw invalid(`bad dimension in shape ${showShape(shape)}`);
    count *= dimension;
    if (!Number.isSafeInteger(count)) throw invalid(`shape ${showShape(shape)} has too many elements`);
  }
  return count;
}

/**
 * The canonical file of these tensors: equal content gives equal bytes, whatever the order given. As the
 * reference implementation does, tensors are laid out by dtype (widest first, so that all are aligned) and
 * then by name, and the data starts at a multiple of eight. Inverse of `decodeSafetensors`. Throws
 * `invalid-argument` for a bad tensor.
 */
export function encodeSafetensors(
  tensors: readonly Tensor[],
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  return joinParts(safetensorsParts(tensors, metadata));
}

/** The parts of a file one after the other, in memory of their own. */
export function joinParts(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const file = new Uint8Array(parts.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let offset = 0;
  for (const part of parts) {
    file.set(part, offset);
    offset += part.byteLength;
  }
  return file;
}

/**
 * The same file in parts, to be written one after the other: the header, then the tensors' own memory,
 * uncopied.
 */
export function safetensorsParts(
  tensors: readonly Tensor[],
  metadata: Readonly<Record<string, string>> = {},
): readonly Uint8Array[] {
  for (const tensor of tensors) checkTensor(tensor);
  return [safetensorsHeader(tensors, metadata), ...inFileOrder(tensors).map(({ data }) => data)];
}

/**
 * What such a file begins with. The tensors' bytes follow: those of larger items first, and of the same type
 * by their names.
 *
 * @param tensors whose bytes are not needed yet
 */
export function safetensorsHeader(
  tensors: readonly Pick<Tensor, "name" | "dtype" | "shape">[],
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const metadataFields = Object.entries(metadata)
    .toSorted(([a], [b]) => compareText(a, b))
    .map(([key, value]) => `${quoteWellFormed(key)}:${quoteWellFormed(value)}`);
  // Joined by hand, because an object would put names such as "0" first whatever the order.
  const fields = metadataFields.length > 0 ? [`"${metadataKey}":{${metadataFields.join(",")}}`] : [];
  const names = new Set([metadataKey]);
  let dataBytes = 0;
  for (const { name, dtype, shape } of inFileOrder(tensors)) {
    if (names.has(name)) throw invalid(`tensor name ${quoteName(name)} is reserved or used twice`);
    names.add(name);
    const end = dataBytes + elementCount(shape) * itemBytes[dtype];
    fields.push(
      `${quoteWellFormed(name)}:{"dtype":"${dtype}","shape":[${shape}],"data_offsets":[${dataBytes},${end}]}`,
    );
    dataBytes = end;
  }
  return headerOf(`{${fields.join(",")}}`);
}

function inFileOrder<T extends Pick<Tensor, "name" | "dtype">>(tensors: readonly T[]): readonly T[] {
  return tensors.toSorted(
    (a, b) => dtypeOrder.indexOf(b.dtype) - dtypeOrder.indexOf(a.dtype) || compareText(a.name, b.name),
  );
}

/** The length and the JSON, padded so that the data after it is aligned. */
function headerOf(json: string): Uint8Array {
  const text = new TextEncoder().encode(json);
  const headerBytes = Math.ceil(text.length / lengthBytes) * lengthBytes;
  const header = new Uint8Array(lengthBytes + headerBytes).fill(" ".charCodeAt(0));
  new DataView(header.buffer).setBigUint64(0, BigInt(headerBytes), true);
  header.set(text, lengthBytes);
  return header;
}

/**
 * The tensors and metadata of a file, which may come from anyone. Tensors are views on `file`, in the order
 * of their bytes. Throws `data-loss` when the file is truncated and `invalid-argument` for anything else the
 * format forbids.
 */
export function decodeSafetensors(
  file: Uint8Array,
  limits: SafetensorsLimits = {},
): { tensors: Tensor[]; metadata: Readonly<Record<string, string>> } {
  const header = parseHeader(file, limits);
  if (file.length < header.fileBytes) throw truncated(file.length);
  if (file.length > header.fileBytes) {
    throw invalid("bytes follow the last tensor");
  }
  const tensors = header.tensors.map(({ name, dtype, shape, begin, end }) => ({
    name,
    dtype,
    shape,
    data: file.subarray(begin, end),
  }));
  return { tensors, metadata: header.metadata };
}

/**
 * How many bytes from the start of the file `parseHeader` needs, from its first eight.
 * Throws `data-loss` for fewer than eight and `invalid-argument` for a header against the limits.
 */
export function headerEnd(prefix: Uint8Array, limits: SafetensorsLimits = {}): number {
  if (prefix.length < lengthBytes) throw truncated(prefix.length);
  const view = new DataView(prefix.buffer, prefix.byteOffset, lengthBytes);
  const headerBytes = view.getBigUint64(0, true);
  const maxHeaderBytes = limits.maxHeaderBytes ?? defaultMaxHeaderBytes;
  if (headerBytes > maxHeaderBytes) {
    throw invalid(`the header takes more than the ${maxHeaderBytes} bytes that are allowed`);
  }
  const dataStart = lengthBytes + Number(headerBytes);
  const { dataAlignment = 1 } = limits;
  if (dataStart % dataAlignment !== 0) {
    throw invalid(`the data does not begin at a multiple of ${dataAlignment} bytes: pad the header`);
  }
  return dataStart;
}

/**
 * Reads the header alone, so that tensors, or ranges of them, can be fetched from a stored file by their
 * offsets. `prefix` is at least the first `headerEnd` bytes of the file. Throws as `decodeSafetensors`,
 * except that the size of the file is not checked against `fileBytes`.
 */
export function parseHeader(prefix: Uint8Array, limits: SafetensorsLimits = {}): SafetensorsHeader {
  const dataStart = headerEnd(prefix, limits);
  if (prefix.length < dataStart) throw truncated(prefix.length);
  const fields = parseFields(prefix.subarray(lengthBytes, dataStart));

  const metadata: Record<string, string> = Object.create(null);
  const tensors: TensorEntry[] = [];
  for (const [key, value] of Object.entries(fields)) {
    if (key !== metadataKey) {
      tensors.push(parseEntry(key, value, dataStart));
      continue;
    }
    if (!isObject(value)) throw invalid(`${metadataKey} must be an object`);
    for (const [name, text] of Object.entries(value)) {
      if (typeof text !== "string") throw invalid(`${metadataKey} ${quoteName(name)} must be a string`);
      metadata[name] = text;
    }
  }

  tensors.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let fileBytes = dataStart;
  for (const { name, begin, end } of tensors) {
    if (begin !== fileBytes) {
      const fault = begin < fileBytes ? "overlaps the tensor before it" : "leaves a hole before it";
      throw invalid(`tensor ${quoteName(name)} ${fault}`);
    }
    fileBytes = end;
  }
  return { tensors, metadata, dataStart, fileBytes };
}

function parseFields(header: Uint8Array): Record<string, unknown> {
  if (header[0] !== "{".charCodeAt(0)) throw invalid("the header must begin with {");
  let text: string;
  let fields: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(header);
    fields = JSON.parse(text);
  } catch (cause) {
    throw invalid("the header is not JSON in UTF-8", cause);
  }
  checkSyntax(text);
  if (!isObject(fields)) throw invalid("the header must be an object");
  return fields;
}

/**
 * Refuses what JSON.parse lets pass but the format does not: a key given twice (of which it would keep the
 * last), numbers with a sign, a fraction or an exponent, and text that UTF-8 cannot hold. `json` must be
 * valid JSON.
 */
function checkSyntax(json: string): void {
  const maxDepth = 2; // The header, and a tensor or the metadata. Bounds what a hostile header costs, too.
  const keysByDepth: Set<string>[] = [];
  let lastText = "";
  for (let i = 0; i < json.length; i++) {
    const character = json.charAt(i);
    if (character === '"') {
      const start = i;
      for (i++; json.charAt(i) !== '"'; i++) if (json.charAt(i) === "\\") i++;
      lastText = String(JSON.parse(json.slice(start, i + 1)));
      if (!lastText.isWellFormed()) throw invalid("the header holds half a surrogate pair");
    } else if (character === "{") {
      if (keysByDepth.length === maxDepth) throw invalid("the header is nested too deep");
      keysByDepth.push(new Set());
    } else if (character === "}") {
      keysByDepth.pop();
    } else if (character === ":") {
      const keys = keysByDepth.at(-1);
      if (keys?.has(lastText)) throw invalid(`the header has the key ${quoteName(lastText)} twice`);
      keys?.add(lastText);
    } else if (!"0123456789[], \t\r\n".includes(character)) {
      throw invalid("the header may hold only objects, lists, strings and non-negative integers");
    }
  }
}

function parseEntry(name: string, value: unknown, dataStart: number): TensorEntry {
  const where = `tensor ${quoteName(name)}`;
  if (!isObject(value)) throw invalid(`${where} must be an object`);
  const { dtype, shape, data_offsets: offsets, ...unknown } = value;
  const unknownKey = Object.keys(unknown)[0];
  if (unknownKey !== undefined) throw invalid(`${where} has the unknown key ${quoteName(unknownKey)}`);
  if (!isDtype(dtype)) throw invalid(`${where} has an unknown dtype`);
  if (!isIntegers(shape)) throw invalid(`${where} needs a shape of non-negative safe integers`);
  if (!isIntegers(offsets)) throw invalid(`${where} needs data_offsets of two non-negative safe integers`);
  const [begin, end, ...rest] = offsets;
  if (begin === undefined || end === undefined || rest.length > 0) {
    throw invalid(`${where} needs data_offsets of two non-negative safe integers`);
  }
  const expectedBytes = elementCount(shape) * itemBytes[dtype];
  if (end - begin !== expectedBytes) {
    throw invalid(`${where} has another number of bytes than its shape and dtype take`);
  }
  return { name, dtype, shape, begin: dataStart + begin, end: dataStart + end };
}

function checkTensor({ name, dtype, shape, data }: Tensor): void {
  const expectedBytes = elementCount(shape) * itemBytes[dtype];
  if (data.byteLength !== expectedBytes) {
    throw invalid(
      `tensor ${quoteName(name)} has ${data.byteLength} bytes, its shape ${showShape(shape)} and dtype ${dtype} take ${expectedBytes}`,
    );
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isDtype(value: unknown): value is Dtype {
  return typeof value === "string" && Object.hasOwn(itemBytes, value);
}

function isIntegers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The start of a text from a file, too short to fill a log. */
export function clip(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80).toWellFormed()}...` : text;
}

/** A name or value from a file as a message may show it. */
export function quoteName(text: string): string {
  return JSON.stringify(clip(text));
}

/** A shape as a message may show it. */
export function showShape(shape: readonly number[]): string {
  return `[${clip(shape.slice(0, 80).join(", "))}]`;
}

function quoteWellFormed(text: string): string {
  if (!text.isWellFormed()) throw invalid(`${quoteName(text)} holds half a surrogate pair`);
  return JSON.stringify(text);
}

function invalid(what: string, cause?: unknown): FlError {
  return new FlError(
    "invalid-argument",
    `Bad safetensors file: ${what}.`,
    cause === undefined ? {} : { cause },
  );
}

/**
 * Sizes that the file itself states are not repeated: it may be another file, and its bytes
 * a secret.
 */
function truncated(bytes: number): FlError {
  return new FlError("data-loss", `Safetensors file truncated: it has only ${bytes} bytes.`);
}
