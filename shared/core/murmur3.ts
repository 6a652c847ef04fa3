// MurmurHash3 (x86, 32 bits; Appleby, 2011): draws and shares are made of it, the same on every machine and
// in every language.

/** The hash of these bytes; integers in 0..2^32-1, the seed as well. */
export function murmur3(bytes: Uint8Array, seed: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const tailStart = bytes.length - (bytes.length % 4);
  let hash = seed;
  for (let i = 0; i < tailStart; i += 4) hash = withBlock(hash, view.getUint32(i, true));
  let tail = 0;
  for (let i = bytes.length - 1; i >= tailStart; i--) tail = (tail << 8) | view.getUint8(i);
  return finished(hash ^ scramble(tail), bytes.length);
}

/** A hash under way with the next four bytes, as a little-endian integer. */
export function withBlock(hash: number, block: number): number {
  return (Math.imul(rotateLeft(hash ^ scramble(block), 13), 5) + 0xe6546b64) | 0;
}

/** The hash of what was added, `length` bytes in all. */
export function finished(hash: number, length: number): number {
  let mixed = hash ^ length;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

function scramble(block: number): number {
  return Math.imul(rotateLeft(Math.imul(block, 0xcc9e2d51), 15), 0x1b873593);
}

function rotateLeft(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}
