// PNG files without what an image does not need, and without more pixels than they say
// (https://www.w3.org/TR/png-3/): a few kilobytes of either decompress to gigabytes.
import { inflateSync } from "node:zlib";

const SIGNATURE_BYTES = 8;
/** Length, type and checksum of a chunk. */
const CHUNK_BYTES = 12;

/** What makes the image itself. Texts and colour profiles are compressed as well. */
const NEEDED: ReadonlySet<string> = new Set(["IHDR", "PLTE", "tRNS", "IDAT", "IEND"]);

/** Samples of a pixel by the type of colour in the header. */
const SAMPLES: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

/** Deflate makes up to so many bytes of one. */
const LARGEST_RATIO = 1_032;

/**
 * The same image, of the chunks that it needs.
 *
 * @param png the size that its header says is within the bounds
 * @throws where it has more pixels than its header says, or cannot be read
 */
export function plainPng(png: Buffer): Buffer {
  const parts = [png.subarray(0, SIGNATURE_BYTES)];
  const pixels: Buffer[] = [];
  for (let at = SIGNATURE_BYTES; at + CHUNK_BYTES <= png.byteLength; ) {
    const end = at + CHUNK_BYTES + png.readUInt32BE(at);
    const type = png.toString("latin1", at + 4, at + 8);
    if (NEEDED.has(type)) parts.push(png.subarray(at, end));
    if (type === "IDAT") pixels.push(png.subarray(at + 8, end - 4));
    at = end;
  }
  checkPixels(png, pixels);
  return Buffer.concat(parts);
}

function checkPixels(png: Buffer, pixels: readonly Buffer[]): void {
  const [width, height, depth, colour] = [
    png.readUInt32BE(16),
    png.readUInt32BE(20),
    png[24] ?? 0,
    png[25] ?? 0,
  ];
  const rowBytes = Math.ceil((width * depth * (SAMPLES[colour] ?? 0)) / 8) + 1;
  // Interlaced, it has up to seven rows for each pixel of its last column.
  const most = rowBytes * height + 7 * (height + width) + 64;
  const compressed = pixels.reduce((sum, { byteLength }) => sum + byteLength, 0);
  if (compressed * LARGEST_RATIO <= most) return;
  inflateSync(Buffer.concat(pixels), { maxOutputLength: most });
}
