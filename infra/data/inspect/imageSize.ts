// How large an image is, from the first bytes of its file. Pure.

export interface ImageSize {
  readonly width: number;
  readonly height: number;
  /** 1 grey, 3 colours; what is transparent does not count. */
  readonly channels: 1 | 3;
}

const PNG = 0x89504e47;
const JPEG = 0xffd8;
/** PNG's colour types that are grey: alone, and with transparency. */
const GREY: ReadonlySet<number> = new Set([0, 4]);

/** Null where the bytes are not those of a PNG or JPEG, or end before its size is said. */
export function imageSize(head: Buffer): ImageSize | null {
  if (head.byteLength >= 26 && head.readUInt32BE(0) === PNG) {
    const [width, height] = [head.readUInt32BE(16), head.readUInt32BE(20)];
    return { width, height, channels: GREY.has(head.readUInt8(25)) ? 1 : 3 };
  }
  return head.byteLength >= 2 && head.readUInt16BE(0) === JPEG ? jpegSize(head) : null;
}

/** Walks the segments up to the frame (ITU-T T.81, B.2.2); any number of 0xFF may fill up to a marker (B.1.1.2). */
function jpegSize(head: Buffer): ImageSize | null {
  let at = 2;
  while (at + 10 <= head.byteLength && head[at] === 0xff) {
    const marker = head[at + 1] ?? 0;
    if (marker === 0xff) {
      at++;
      continue;
    }
    // Frames, without the tables DHT, JPG and DAC that have numbers among theirs.
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      const channels = head[at + 9] === 1 ? 1 : 3;
      return { height: head.readUInt16BE(at + 5), width: head.readUInt16BE(at + 7), channels };
    }
    at += 2 + head.readUInt16BE(at + 2);
  }
  return null;
}
