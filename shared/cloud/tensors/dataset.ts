// A data set's file: a safetensors file with the samples `x` and the labels `y`, both with one row a sample.
// It is decoded while it comes, so that it takes the memory of its values and no more.
import { FlError } from "../../core/errors.ts";
import type { Dataset } from "../../core/ports/trainer.ts";
import {
  elementCount,
  headerEnd,
  joinParts,
  parseHeader,
  type SafetensorsHeader,
  type TensorEntry,
} from "../../core/updates/safetensors.ts";
import type { OpenSource } from "../source.ts";
import { FloatSink } from "./floats.ts";

/** The metadata that a data set's file may have, each a number in decimal. */
export const datasetMetadata = {
  /**
   * What the values of `x` are divided by, e.g. 255 for bytes of grey. Without it they are taken as they are.
   */
  divisor: "divisor",
  /** How many classes there are: every value of `y` is then an integer in 0..classes-1. */
  classes: "classes",
} as const;

/**
 * What an instance takes beside its data: Node and native TensorFlow (420 MiB), a model of moderate size, and
 * batches. A small instance is left a share of its memory for data all the same: it may train a small model.
 */
const RESERVED_MIB = 600;
const SMALLEST_SHARE = 0.05;

const MIB = 2 ** 20;

const BYTES_PER_VALUE = Float32Array.BYTES_PER_ELEMENT;

const START_BYTES = 8;

/** How files of other formats begin, and what they are. */
const formats: readonly [start: string, format: string][] = [
  ["\x93NUMPY", "a NumPy .npy file"],
  ["PK\x03\x04", "a zip archive, such as a NumPy .npz file"],
  ["\x1f\x8b", "compressed by gzip"],
  ["\x89HDF", "an HDF5 file"],
  ["\x89PNG", "an image"],
  ["\xff\xd8\xff", "an image"],
  ["PAR1", "a Parquet file"],
];

const HOW_TO_WRITE = "write tensors x and y with safetensors' save_file";

/** What an instance with this much memory has for the values of its data as float32. */
export function roomBytes(memoryMib: number): number {
  return Math.max(memoryMib * SMALLEST_SHARE, memoryMib - RESERVED_MIB) * MIB;
}

export interface DatasetLimits {
  /**
   * Memory of the function's instance. A data set that does not fit it is refused by its header. No bound
   * when absent.
   */
  readonly memoryMib?: number | undefined;
}

/**
 * The data set in a file's bytes, as floats of their own memory.
 *
 * @throws FlError("invalid-argument") when the file is no data set: a tensor is missing, there are no
 *   samples, x and y differ in their number, or a label is out of range; FlError("data-loss") when it is cut
 *   short. No message quotes its content.
 */
export function decodeDataset(bytes: Uint8Array): Dataset {
  const decoder = new DatasetDecoder("the file", {});
  decoder.push(bytes);
  return decoder.end();
}

/**
 * Reads and decodes an open source, and closes it. Takes the memory of the decoded values and of some pieces
 * of the file.
 *
 * @throws FlError as `decodeDataset`, naming the address; FlError("too-large") before the data is read, for
 *   what does not fit the memory, with the size that does; as the source does
 */
export async function readDataset(source: OpenSource, limits: DatasetLimits = {}): Promise<Dataset> {
  const decoder = new DatasetDecoder(source.address, limits, source.sizeBytes);
  try {
    for await (const chunk of source.chunks) decoder.push(chunk);
  } finally {
    await source.close();
  }
  return decoder.end();
}

interface Plan {
  readonly header: SafetensorsHeader;
  readonly tensors: readonly { readonly entry: TensorEntry; readonly sink: FloatSink }[];
  readonly x: FloatSink;
  readonly y: FloatSink;
  readonly shapes: { readonly x: readonly number[]; readonly y: readonly number[] };
  readonly classes: number | undefined;
}

class DatasetDecoder {
  readonly #where: string;
  readonly #limits: DatasetLimits;
  readonly #sizeBytes: number | null;
  #start: Uint8Array = new Uint8Array(0);
  #plan: Plan | undefined;
  /** Place in the file of the next byte. */
  #at = 0;

  constructor(where: string, limits: DatasetLimits, sizeBytes: number | null = null) {
    this.#where = where;
    this.#limits = limits;
    this.#sizeBytes = sizeBytes;
  }

  push(chunk: Uint8Array): void {
    if (this.#plan !== undefined) {
      this.#take(chunk, this.#plan);
      return;
    }
    const start = this.#start.byteLength === 0 ? chunk : joinParts([this.#start, chunk]);
    this.#start = start;
    if (start.byteLength < START_BYTES) return;
    const dataStart = this.#read(() => headerEnd(start));
    if (start.byteLength < dataStart) return;
    const header = this.#read(() => parseHeader(start));
    this.#plan = this.#planFor(header);
    this.#start = new Uint8Array(0);
    this.#at = dataStart;
    this.#take(start.subarray(dataStart), this.#plan);
  }

  end(): Dataset {
    const plan = this.#plan;
    if (plan === undefined && formatOf(this.#start) !== undefined) throw this.#unreadable();
    if (plan === undefined || this.#at < plan.header.fileBytes) throw this.#cutShort();
    if (this.#at > plan.header.fileBytes) throw this.#invalid("bytes follow its last tensor");
    const { x, y, shapes, classes } = plan;
    if (classes !== undefined) this.#checkLabels(y.values, classes);
    return { x: { shape: shapes.x, values: x.values }, y: { shape: shapes.y, values: y.values } };
  }

  #take(chunk: Uint8Array, { tensors }: Plan): void {
    for (const { entry, sink } of tensors) {
      const from = Math.max(entry.begin - this.#at, 0);
      const to = Math.min(entry.end - this.#at, chunk.byteLength);
      if (from < to) sink.push(chunk.subarray(from, to));
    }
    this.#at += chunk.byteLength;
  }

  /** What the header says, checked before any value is there. */
  #planFor(header: SafetensorsHeader): Plan {
    const entries = { x: this.#entry(header, "x"), y: this.#entry(header, "y") };
    const [samples = 0, labels = 0] = [entries.x.shape[0], entries.y.shape[0]];
    if (samples !== labels) {
      throw this.#invalid(
        `x has ${samples} samples, y ${labels} labels: the first dimension of both must be the same`,
      );
    }
    if (samples === 0 || elementCount(entries.x.shape) === 0) throw this.#invalid("it has no samples");
    if (this.#sizeBytes !== null && this.#sizeBytes < header.fileBytes) throw this.#cutShort();
    this.#checkMemory(elementCount(entries.x.shape) + elementCount(entries.y.shape));
    const divisor = this.#positive(header.metadata, datasetMetadata.divisor) ?? 1;
    const classes = this.#positive(header.metadata, datasetMetadata.classes);
    const sinkOf = ({ dtype, shape }: TensorEntry, by: number) => {
      try {
        return new FloatSink(dtype, elementCount(shape), by);
      } catch (cause) {
        throw new FlError("too-large", `The data set at ${this.#where} does not fit into memory.`, { cause });
      }
    };
    const [x, y] = [sinkOf(entries.x, divisor), sinkOf(entries.y, 1)];
    const tensors = [
      { entry: entries.x, sink: x },
      { entry: entries.y, sink: y },
    ];
    return { header, tensors, x, y, shapes: { x: entries.x.shape, y: entries.y.shape }, classes };
  }

  #entry({ tensors }: SafetensorsHeader, name: "x" | "y"): TensorEntry {
    const entry = tensors.find((candidate) => candidate.name === name);
    if (entry !== undefined) return entry;
    const others = `${tensors.length} of other names`;
    const what = name === "x" ? "the samples" : "the labels";
    throw this.#invalid(`it has no tensor "${name}" of ${what}, but ${others}: name them x and y`);
  }

  #checkMemory(values: number): void {
    const { memoryMib } = this.#limits;
    if (memoryMib === undefined) return;
    const neededMib = Math.ceil((values * BYTES_PER_VALUE) / MIB);
    const roomMib = Math.floor(roomBytes(memoryMib) / MIB);
    if (neededMib <= roomMib) return;
    const enoughMib = Math.ceil(Math.min(neededMib / SMALLEST_SHARE, neededMib + RESERVED_MIB));
    const what = `takes ${neededMib} MiB as float32, and this function's ${memoryMib} MiB of memory have room for ${roomMib}: give the function at least ${enoughMib} MiB, or write fewer samples.`;
    throw new FlError("too-large", `The data set at ${this.#where} ${what}`, {
      reason: "data-too-large",
      told: `The data set ${what}`,
    });
  }

  #positive(metadata: Readonly<Record<string, string>>, key: string): number | undefined {
    const text = metadata[key];
    if (text === undefined) return undefined;
    const value = Number(text);
    if (Number.isFinite(value) && value > 0) return value;
    throw this.#invalid(`its metadata "${key}" must be a positive number in decimal`);
  }

  #checkLabels(labels: Float32Array, classes: number): void {
    let [first, count] = [-1, 0];
    for (let i = 0; i < labels.length; i++) {
      const label = labels[i] ?? Number.NaN;
      if (Number.isInteger(label) && label >= 0 && label < classes) continue;
      if (first === -1) first = i;
      count++;
    }
    if (first === -1) return;
    throw this.#invalid(
      `${count} of its labels are not one of its classes, whole numbers in 0..${classes - 1} by its metadata; the first is ` +
        `number ${first}, counted from 0`,
    );
  }

  /** Runs what reads the file's own header. Its messages may quote the file, ours do not. */
  #read<T>(parse: () => T): T {
    try {
      return parse();
    } catch (cause) {
      throw this.#unreadable(cause);
    }
  }

  #unreadable(cause?: unknown): FlError {
    const format = formatOf(this.#start);
    const what =
      format === undefined
        ? "its header cannot be read: it is not a safetensors file, or damaged"
        : `it is not a safetensors file, it seems to be ${format}`;
    return this.#invalid(`${what}; ${HOW_TO_WRITE}`, cause);
  }

  #invalid(what: string, cause?: unknown): FlError {
    return new FlError("invalid-argument", `Bad data set at ${this.#where}: ${what}.`, {
      ...(cause === undefined ? {} : { cause }),
      reason: "bad-data",
      told: `Bad data set: ${what}.`,
    });
  }

  #cutShort(): FlError {
    return new FlError("data-loss", `The data set at ${this.#where} is truncated: upload it again.`, {
      reason: "bad-data",
      told: "The data set is truncated: upload it again.",
    });
  }
}

/** What a file is by its first bytes, in words; undefined where they are not known. */
function formatOf(start: Uint8Array): string | undefined {
  const text = String.fromCharCode(...start.subarray(0, START_BYTES));
  const known = formats.find(([beginning]) => text.startsWith(beginning));
  if (known !== undefined) return known[1];
  const rest = start.subarray(0, 256);
  return rest.length > 0 && rest.every((byte) => byte === 9 || byte === 10 || byte === 13 || byte >= 32)
    ? "text, such as CSV or JSON"
    : undefined;
}
