// Image files in a folder per class, PNG and JPEG, decoded without native code and resized to the model's
// size.
import { createHash } from "node:crypto";
import type { ImageFeatures } from "../../core/data/features.ts";
import { RowTally } from "../../core/data/tally.ts";
import { FlError } from "../../core/errors.ts";
import type { RowFault } from "../../core/schemas/dataFacts.ts";
import { once } from "../once.ts";
import { badFile, bytesOf, type DataFile, endingOf } from "./files.ts";
import { plainPng } from "./plainPng.ts";
import { type Piece, type RowSource, type Rows, rowBytesOf, rowsOfPiece } from "./rows.ts";

/** Pixels of one image, whose decoding takes some 16 bytes each; fewer where there is less memory. */
const [MOST_PIXELS, LEAST_PIXELS, BYTES_PER_PIXEL] = [2 ** 24, 2 ** 22, 16];
const MAX_FILE_BYTES = 2 ** 25;
const MOST_PIECE_FILES = 64;

const decoders = once(async () => {
  const [png, jpeg] = await Promise.all([import("fast-png"), import("jpeg-js")]);
  return { png, jpeg };
});

interface Labelled {
  readonly file: DataFile;
  /** Undefined in a folder that is none of the classes'. */
  readonly label: number | undefined;
}

/** @throws FlError("invalid-argument") where no image lies in the folder of a class. */
export async function openImages(
  files: readonly DataFile[],
  features: ImageFeatures,
  roomBytes: number,
): Promise<RowSource> {
  const maxPixels = Math.min(MOST_PIXELS, Math.max(LEAST_PIXELS, Math.floor(roomBytes / BYTES_PER_PIXEL)));
  const { height, width, channels, classes, maxRefusedShare } = features;
  const labels = new Map(classes.map((name, number) => [name, number]));
  const images = files.filter((file) => /^(png|jpe?g)$/.test(endingOf(file)));
  const inOrder = images
    .map((file) => ({ file, label: labels.get(folderOf(file)), hash: hashOf(file.name) }))
    .toSorted((a, b) => (a.hash < b.hash ? -1 : a.hash > b.hash ? 1 : 0));
  const [any] = files;
  if (any === undefined) throw new RangeError("no files");
  if (!inOrder.some(({ label }) => label !== undefined)) {
    throw badFile(
      any,
      `none of ${files.length} files is a .png or .jpg in a folder named after one of the classes`,
    );
  }
  const read = async (part: readonly Labelled[], tally: RowTally) => {
    const size = height * width * channels;
    const [x, y] = [new Float32Array(part.length * size), new Float32Array(part.length)];
    let count = 0;
    for (const { file, label } of part) {
      const fault =
        label === undefined
          ? "not-in-vocabulary"
          : await decodeInto(file, features, maxPixels, x.subarray(count * size, (count + 1) * size));
      if (tally.count(fault) !== null) continue;
      y[count++] = label ?? 0;
    }
    const rows: Rows = { count, x: x.slice(0, count * size), y: y.slice(0, count) };
    return rows;
  };
  const shapes = { inputShape: [height, width, channels], targetShape: [] };
  const pieceFiles = rowsOfPiece(rowBytesOf(shapes), MOST_PIECE_FILES);
  return {
    ...shapes,
    samples: null,
    maxRefusedShare,
    async *pieces(tally) {
      for (let begin = 0; begin < inOrder.length; begin += pieceFiles) {
        const part = inOrder.slice(begin, begin + pieceFiles);
        const piece: Piece = { rows: await read(part, tally), again: () => read(part, new RowTally()) };
        yield piece;
      }
    },
  };
}

/** The folder that the image lies in: with a pattern or a prefix it may be part of the address only. */
export function folderOf({ name, address }: DataFile): string {
  const parts = name.split("/");
  if (parts.length > 1) return parts.at(-2) ?? "";
  return decodeURIComponent(address.split("/").at(-2) ?? "");
}

/** Images are in the order of these, so that each piece has images of every class; it never changes. */
function hashOf(name: string): string {
  return createHash("sha256").update(name).digest("base64");
}

/** Writes an image's values, row by row, channels last; or says why it cannot be used. */
async function decodeInto(
  file: DataFile,
  { height, width, channels, divisor }: ImageFeatures,
  maxPixels: number,
  to: Float32Array,
): Promise<RowFault | null> {
  if (file.sizeBytes > MAX_FILE_BYTES) return "wrong-size";
  const bytes = await bytesOf(file, { begin: 0, end: file.sizeBytes });
  const image = await decoded(bytes, maxPixels);
  if (typeof image === "string") return image;
  resize(image, height, width, channels, divisor, to);
  return null;
}

interface Pixels {
  readonly width: number;
  readonly height: number;
  /** 1 grey, 2 grey and alpha, 3 colours, 4 colours and alpha. */
  readonly channels: number;
  readonly data: ArrayLike<number>;
  /** The value of white. */
  readonly white: number;
}

async function decoded(bytes: Buffer, maxPixels: number): Promise<Pixels | RowFault> {
  const { png, jpeg } = await decoders();
  try {
    if (bytes.readUInt32BE(0) === 0x89504e47) {
      // Its size, by the first chunk, before anything is decompressed.
      if (bytes.readUInt32BE(16) * bytes.readUInt32BE(20) > maxPixels) return "wrong-size";
      const image = png.decode(plainPng(bytes));
      if (image.palette !== undefined) return withPalette(image.data, image.palette, image);
      const white = image.depth === 16 ? 65_535 : 255;
      const data = image.depth < 8 ? unpacked(image.data, image) : image.data;
      return { width: image.width, height: image.height, channels: image.channels, data, white };
    }
    if (bytes.readUInt16BE(0) === 0xffd8) {
      const { width, height, data } = jpeg.decode(bytes, {
        useTArray: true,
        formatAsRGBA: false,
        maxResolutionInMP: maxPixels / 1e6,
        maxMemoryUsageInMB: (maxPixels * 2 * BYTES_PER_PIXEL) / 1e6,
      });
      return { width, height, channels: 3, data, white: 255 };
    }
    return "unreadable-image";
  } catch (error) {
    if (error instanceof FlError) throw error;
    return error instanceof Error && /maxResolution|maxMemory/.test(error.message)
      ? "wrong-size"
      : "unreadable-image";
  }
}

type Indexed = {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly channels: number;
};

/** The bits of samples of less than a byte, as bytes from 0 to 255. */
function unpacked(data: ArrayLike<number>, image: Indexed): Uint8Array {
  const values = indices(data, image);
  const most = 2 ** image.depth - 1;
  for (let i = 0; i < values.length; i++) values[i] = ((values[i] ?? 0) * 255) / most;
  return values;
}

function indices(data: ArrayLike<number>, { width, height, depth, channels }: Indexed): Uint8Array {
  const values = new Uint8Array(width * height * channels);
  const [rowBytes, perByte] = [Math.ceil((width * channels * depth) / 8), 8 / depth];
  for (let i = 0; i < values.length; i++) {
    const row = Math.floor(i / (width * channels));
    const at = i - row * width * channels;
    const byte = data[row * rowBytes + Math.floor(at / perByte)] ?? 0;
    values[i] = (byte >> (8 - depth * ((at % perByte) + 1))) & (2 ** depth - 1);
  }
  return values;
}

function withPalette(
  data: ArrayLike<number>,
  palette: readonly (readonly number[])[],
  image: Indexed,
): Pixels {
  const { width, height } = image;
  const colours = new Uint8Array(width * height * 3);
  const places = image.depth < 8 ? indices(data, image) : data;
  for (let i = 0; i < width * height; i++) {
    const colour = palette[places[i] ?? 0] ?? [0, 0, 0];
    for (let c = 0; c < 3; c++) colours[3 * i + c] = colour[c] ?? 0;
  }
  return { width, height, channels: 3, data: colours, white: 255 };
}

/** Each pixel is the mean over the area that it covers of the original; a grey one by ITU-R BT.601. */
function resize(
  image: Pixels,
  height: number,
  width: number,
  channels: number,
  divisor: number,
  to: Float32Array,
): void {
  const scale = 255 / image.white / divisor;
  let at = 0;
  for (let row = 0; row < height; row++) {
    const [top, bottom] = span(row, height, image.height);
    for (let column = 0; column < width; column++) {
      const [left, right] = span(column, width, image.width);
      let [red, green, blue] = [0, 0, 0];
      for (let y = top; y < bottom; y++) {
        for (let x = left; x < right; x++) {
          const from = (y * image.width + x) * image.channels;
          red += image.data[from] ?? 0;
          if (image.channels < 3) continue;
          green += image.data[from + 1] ?? 0;
          blue += image.data[from + 2] ?? 0;
        }
      }
      if (image.channels < 3) [green, blue] = [red, red];
      const mean = scale / ((bottom - top) * (right - left));
      if (channels === 1) {
        to[at++] = (image.channels < 3 ? red : 0.299 * red + 0.587 * green + 0.114 * blue) * mean;
      } else {
        to[at++] = red * mean;
        to[at++] = green * mean;
        to[at++] = blue * mean;
      }
    }
  }
}

/** The pixels of the original that one of the result covers, at least one. */
function span(place: number, size: number, original: number): readonly [number, number] {
  const begin = Math.floor((place * original) / size);
  return [begin, Math.max(begin + 1, Math.floor(((place + 1) * original) / size))];
}
