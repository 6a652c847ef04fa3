// Arrays with one entry a sample, in two files or in one: safetensors, .npy, .idx. They are read side by
// side, some samples at a time.
import type { ArrayFeatures } from "../../core/data/features.ts";
import { FlError } from "../../core/errors.ts";
import { elementCount, itemBytes } from "../../core/updates/safetensors.ts";
import { FloatSink } from "../tensors/floats.ts";
import { type StoredArray, storedArray } from "./arrayHeaders.ts";
import { badFile, bytesOf, contentOf, type DataFile, endingOf, isCompressed } from "./files.ts";
import { ByteQueue } from "./lines.ts";
import type { Piece, RowSource, Rows } from "./rows.ts";

/** Bytes of samples and labels that are read at a time. */
const PIECE_BYTES = 2 ** 21;

interface Pair {
  readonly x: StoredArray;
  readonly y: StoredArray;
}

/** @throws FlError("invalid-argument") where the arrays are missing or do not fit each other. */
export async function openArrays(
  files: readonly DataFile[],
  features: ArrayFeatures,
  roomBytes: number,
): Promise<RowSource> {
  const pairs = await pairsIn(files, features);
  const [first] = pairs;
  if (first === undefined) throw new RangeError("no files");
  const inputShape = features.shape ?? first.x.shape.slice(1);
  const targetShape = first.y.shape.slice(1);
  checkRow(first, inputShape, targetShape, roomBytes);
  for (const { x, y } of pairs) {
    if (x.shape[0] !== y.shape[0] || x.shape.length === 0) {
      throw badFile(
        x.file,
        `x has ${x.shape[0] ?? 0} samples, y ${y.shape[0] ?? 0} labels: the first dimension of both must be the same`,
      );
    }
    if (elementCount(x.shape.slice(1)) !== elementCount(inputShape)) {
      throw badFile(x.file, `a sample has the shape [${x.shape.slice(1)}], expected [${inputShape}]`);
    }
    if (elementCount(y.shape.slice(1)) !== elementCount(targetShape)) {
      throw badFile(y.file, `a label has the shape [${y.shape.slice(1)}], expected [${targetShape}]`);
    }
  }
  return {
    inputShape,
    targetShape,
    samples: pairs.reduce((sum, { x }) => sum + (x.shape[0] ?? 0), 0),
    maxRefusedShare: 0,
    async *pieces(tally) {
      for (const pair of pairs) {
        for await (const piece of piecesOf(pair, features)) {
          tally.countUsed(piece.rows.count);
          yield piece;
        }
      }
    },
  };
}

/** Without a value in it a row could be there any number of times; a large one is read as a whole. */
function checkRow(
  { x, y }: Pair,
  inputShape: readonly number[],
  targetShape: readonly number[],
  roomBytes: number,
): void {
  const values = [elementCount(inputShape), elementCount(targetShape)];
  if (values.includes(0))
    throw badFile(values[0] === 0 ? x.file : y.file, "a sample or its label has no values");
  const bytes = rowBytes(x) + rowBytes(y);
  if (bytes <= roomBytes) return;
  throw new FlError(
    "too-large",
    `One sample of the data set at ${x.file.address} takes ${bytes} bytes, and this function has room for ${Math.floor(roomBytes)}: ` +
      "write smaller samples, or give the function more memory.",
    { reason: "data-too-large", told: "One sample of the data set does not fit into the function's memory." },
  );
}

async function pairsIn(
  files: readonly DataFile[],
  { inputs, target }: ArrayFeatures,
): Promise<readonly Pair[]> {
  const containers = files.filter((file) => endingOf(file) === "safetensors");
  if (containers.length > 0) {
    const pairs: Pair[] = [];
    for (const file of containers) {
      pairs.push({ x: await storedArray(file, inputs), y: await storedArray(file, target) });
    }
    return pairs;
  }
  const named = (name: string, role: string) => {
    const found = files.filter((file) => file.name === name || stem(file.name) === name);
    const [file] = found;
    if (file !== undefined && found.length === 1) return file;
    const [any] = files;
    if (any === undefined) throw new RangeError("no files");
    throw badFile(
      any,
      `there ${found.length === 0 ? "is no file" : `are ${found.length} files`} ${JSON.stringify(name)} for the ${role}: name it in the ` +
        "features file, and have CLIENT_DATA name the folder",
    );
  };
  return [
    {
      x: await storedArray(named(inputs, "inputs"), inputs),
      y: await storedArray(named(target, "target"), target),
    },
  ];
}

/** The name without `.gz` and the ending that says the format. */
function stem(name: string): string {
  return name.replace(/\.gz$/i, "").replace(/\.(npy|idx)$/i, "");
}

async function* piecesOf({ x, y }: Pair, features: ArrayFeatures): AsyncGenerator<Piece> {
  const samples = x.shape[0] ?? 0;
  const [xBytes, yBytes] = [rowBytes(x), rowBytes(y)];
  const rows = Math.max(1, Math.floor(PIECE_BYTES / Math.max(1, xBytes + yBytes)));
  const queues = [x, y].map((array) => queueOf(array, samples * rowBytes(array)));
  const [ofX, ofY] = queues;
  if (ofX === undefined || ofY === undefined) throw new RangeError("two arrays");
  const decode = (from: Uint8Array, labels: Uint8Array, count: number, begin: number): Rows => {
    const values = floatsOf(labels, y, 1);
    checkLabels(values, features.classes ?? y.classes, begin, y.file);
    return { count, x: floatsOf(from, x, features.divisor ?? x.divisor ?? 1), y: values };
  };
  try {
    for (let begin = 0; begin < samples; begin += rows) {
      const count = Math.min(rows, samples - begin);
      const range = (array: StoredArray, width: number) => ({
        begin: array.begin + begin * width,
        end: array.begin + (begin + count) * width,
      });
      const again = async () =>
        decode(
          await bytesOf(x.file, range(x, xBytes)),
          await bytesOf(y.file, range(y, yBytes)),
          count,
          begin,
        );
      yield {
        rows: decode(await ofX.take(count * xBytes), await ofY.take(count * yBytes), count, begin),
        again: isCompressed(x.file) || isCompressed(y.file) ? null : again,
      };
    }
  } finally {
    await Promise.all(queues.map((queue) => queue.close()));
  }
}

function queueOf({ file, begin }: StoredArray, length: number): ByteQueue {
  if (length === 0) return new ByteQueue(file, nothing());
  return isCompressed(file)
    ? new ByteQueue(file, withoutStart(contentOf(file), begin))
    : new ByteQueue(file, contentOf(file, { begin, end: begin + length }));
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

async function* withoutStart(chunks: AsyncIterable<Uint8Array>, length: number): AsyncGenerator<Uint8Array> {
  let left = length;
  for await (const chunk of chunks) {
    const skipped = Math.min(left, chunk.byteLength);
    left -= skipped;
    if (skipped < chunk.byteLength) yield chunk.subarray(skipped);
  }
}

function rowBytes({ dtype, shape }: StoredArray): number {
  return elementCount(shape.slice(1)) * itemBytes[dtype];
}

function floatsOf(bytes: Uint8Array, { dtype, isBigEndian }: StoredArray, divisor: number): Float32Array {
  const sink = new FloatSink(dtype, bytes.byteLength / itemBytes[dtype], divisor);
  sink.push(isBigEndian ? swapped(bytes, itemBytes[dtype]) : bytes);
  return sink.values;
}

function swapped(bytes: Uint8Array, width: number): Uint8Array {
  const copy = Buffer.from(bytes);
  if (width === 2) return copy.swap16();
  if (width === 4) return copy.swap32();
  return width === 8 ? copy.swap64() : copy;
}

/** @throws FlError("invalid-argument") for labels outside 0..classes-1, with the place of the first. */
export function checkLabels(
  labels: Float32Array,
  classes: number | undefined,
  begin: number,
  file: DataFile,
): void {
  if (classes === undefined) return;
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i] ?? Number.NaN;
    if (Number.isInteger(label) && label >= 0 && label < classes) continue;
    throw badFile(
      file,
      `some of its labels are not one of its classes, whole numbers in 0..${classes - 1}; the first is near row ${begin + i}, ` +
        "counted from 0",
    );
  }
}
