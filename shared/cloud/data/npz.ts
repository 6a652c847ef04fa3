// .npz: a zip archive of .npy files, decompressed while it comes; only the two arrays that are wanted are
// kept.
import type { ArrayFeatures } from "../../core/data/features.ts";
import { FlError } from "../../core/errors.ts";
import { elementCount, itemBytes } from "../../core/updates/safetensors.ts";
import { once } from "../once.ts";
import { FloatSink } from "../tensors/floats.ts";
import { type Header, npyHeader } from "./arrayHeaders.ts";
import { checkLabels } from "./arrays.ts";
import { badFile, contentOf, cutShort, type DataFile } from "./files.ts";
import type { RowSource } from "./rows.ts";

const HEADER_BYTES = 2 ** 16;
/** Of a zip archive, without a comment at its end, as NumPy writes it. */
const END_BYTES = 22;
const END_OF_DIRECTORY = "PK\x05\x06";
/** Deflate makes up to 1,032 bytes of one: so many at a time make 16 MiB at the most. */
const SLICE_BYTES = 2 ** 14;

const fflate = once(() => import("fflate"));

/**
 * @param roomBytes for the values as float32.
 * @throws FlError("invalid-argument") where the arrays are missing or do not fit; FlError("too-large")
 *   before the values of an array that does not fit are read; FlError("data-loss") for a truncated archive.
 */
export async function openNpz(
  files: readonly DataFile[],
  features: ArrayFeatures,
  roomBytes: number,
): Promise<RowSource> {
  const [file] = files;
  if (file === undefined || files.length > 1) {
    throw badFile(file ?? { address: "" }, "there is more than one .npz file: write one, or .npy files");
  }
  const { Unzip, UnzipInflate, UnzipPassThrough } = await fflate();
  const wanted = new Map([
    [`${features.inputs}.npy`, new NpySink(file, features.divisor ?? 1, roomBytes)],
    [`${features.target}.npy`, new NpySink(file, 1, roomBytes)],
  ]);
  const unzip = new Unzip((member) => {
    const sink = wanted.get(member.name);
    if (sink === undefined) return;
    member.ondata = (error, data, isLast) => {
      // What we throw here comes back as the error of the next call.
      if (error !== null) throw error instanceof FlError ? error : badFile(file, "it is damaged", error);
      sink.push(data, isLast);
    };
    member.start();
  });
  unzip.register(UnzipInflate);
  unzip.register(UnzipPassThrough);
  try {
    let end = Buffer.alloc(0);
    for await (const chunk of contentOf(file)) {
      for (let at = 0; at < chunk.byteLength; at += SLICE_BYTES)
        unzip.push(chunk.subarray(at, at + SLICE_BYTES));
      end = Buffer.concat([end, chunk.subarray(-END_BYTES)]).subarray(-END_BYTES);
    }
    // Without the directory at its end, arrays that come later may be missing.
    if (end.toString("latin1", 0, 4) !== END_OF_DIRECTORY) throw cutShort(file);
    unzip.push(new Uint8Array(0), true);
  } catch (error) {
    throw error instanceof FlError ? error : badFile(file, "it is no .npz file, or damaged", error);
  }
  const [x, y] = [...wanted].map(([name, sink]) => sink.end(name));
  if (x === undefined || y === undefined) throw new RangeError("two arrays");
  if (x.shape[0] !== y.shape[0] || x.shape.length === 0) {
    throw badFile(
      file,
      `x has ${x.shape[0] ?? 0} samples, y ${y.shape[0] ?? 0} labels: the first dimension of both must be the same`,
    );
  }
  const count = x.shape[0] ?? 0;
  const inputShape = features.shape ?? x.shape.slice(1);
  if (elementCount(inputShape) !== elementCount(x.shape.slice(1))) {
    throw badFile(file, `a sample has the shape [${x.shape.slice(1)}], expected [${inputShape}]`);
  }
  checkLabels(y.values, features.classes, 0, file);
  return {
    inputShape,
    targetShape: y.shape.slice(1),
    samples: count,
    maxRefusedShare: 0,
    async *pieces(tally) {
      tally.countUsed(count);
      yield { rows: { count, x: x.values, y: y.values }, again: null };
    },
  };
}

/** Takes a .npy file in pieces. */
class NpySink {
  readonly #file: DataFile;
  readonly #divisor: number;
  readonly #roomBytes: number;
  #start = Buffer.alloc(0);
  #header: Header | undefined;
  #sink: FloatSink | undefined;
  #leftBytes = 0;

  constructor(file: DataFile, divisor: number, roomBytes: number) {
    this.#file = file;
    this.#divisor = divisor;
    this.#roomBytes = roomBytes;
  }

  push(data: Uint8Array, isLast: boolean): void {
    let values = data;
    if (this.#header === undefined) {
      this.#start = Buffer.concat([this.#start, data]);
      if (this.#start.byteLength < HEADER_BYTES && !isLast) return;
      this.#header = npyHeader(this.#start, this.#file);
      this.#open(this.#header);
      values = this.#start.subarray(this.#header.begin);
      this.#start = Buffer.alloc(0);
    }
    this.#leftBytes -= values.byteLength;
    // What an archive holds beyond its array is never decompressed further.
    if (this.#leftBytes < 0) throw badFile(this.#file, "bytes follow the last value of an array");
    this.#sink?.push(values);
  }

  #open({ dtype, shape, isBigEndian }: Header): void {
    if (isBigEndian) throw badFile(this.#file, "an array is big-endian: convert it with astype(np.float32)");
    const count = elementCount(shape);
    if (count * Float32Array.BYTES_PER_ELEMENT > this.#roomBytes) {
      throw new FlError(
        "too-large",
        `The data set at ${this.#file.address} takes more memory as float32 than this function has room for ` +
          `(${Math.floor(this.#roomBytes / 2 ** 20)} MiB): write .npy files, which are read in parts, or give the function more memory.`,
      );
    }
    this.#leftBytes = count * itemBytes[dtype];
    this.#sink = new FloatSink(dtype, count, this.#divisor);
  }

  end(name: string): { readonly shape: readonly number[]; readonly values: Float32Array } {
    if (this.#header === undefined || this.#sink === undefined) {
      if (this.#start.byteLength > 0) throw cutShort(this.#file);
      throw badFile(this.#file, `it has no array ${JSON.stringify(name.replace(/\.npy$/, ""))}`);
    }
    if (this.#leftBytes > 0) throw cutShort(this.#file);
    return { shape: this.#header.shape, values: this.#sink.values };
  }
}
