// The size of an image is told from its first bytes, as its decoder has it; of anything else it is not told.

import fc from "fast-check";
import { encode } from "fast-png";
import jpeg from "jpeg-js";
import { describe, expect, test } from "vitest";
import { imageSize } from "../../../../infra/data/inspect/imageSize.ts";

const side = fc.integer({ min: 1, max: 40 });

describe("imageSize", () => {
  test("of PNG", () => {
    fc.assert(
      fc.property(side, side, fc.constantFrom(1, 2, 3, 4), (width, height, channels) => {
        const data = new Uint8Array(width * height * channels);
        const file = encode({ width, height, channels: channels as 1, depth: 8, data });
        expect(imageSize(Buffer.from(file))).toEqual({ width, height, channels: channels < 3 ? 1 : 3 });
      }),
    );
  });

  test("of JPEG, with something in front of the frame or not", () => {
    fc.assert(
      fc.property(side, side, fc.nat({ max: 500 }), (width, height, more) => {
        const { data } = jpeg.encode({ width, height, data: new Uint8Array(width * height * 4) }, 50);
        const comment = Buffer.alloc(4 + more);
        comment.writeUInt16BE(0xfffe, 0);
        comment.writeUInt16BE(2 + more, 2);
        const file = Buffer.concat([data.subarray(0, 2), comment, data.subarray(2)]);
        for (const one of [data, file]) expect(imageSize(Buffer.from(one))).toMatchObject({ width, height });
      }),
    );
  });

  test("of JPEG with bytes that fill up to any of its markers, as its decoder has it", () => {
    const fills = fc.array(fc.nat({ max: 20 }), { minLength: 8, maxLength: 8 });
    fc.assert(
      fc.property(side, side, fills, (width, height, counts) => {
        const { data } = jpeg.encode({ width, height, data: new Uint8Array(width * height * 4) }, 50);
        const parts: Buffer[] = [Buffer.from(data.subarray(0, 2))];
        let at = 2;
        for (const count of counts) {
          const end = at + 2 + ((data[at + 2] ?? 0) << 8) + (data[at + 3] ?? 0);
          // The scan is no segment of its own length.
          if (data[at + 1] === 0xda) break;
          parts.push(Buffer.alloc(count, 0xff), Buffer.from(data.subarray(at, end)));
          at = end;
        }
        const file = Buffer.concat([...parts, Buffer.from(data.subarray(at))]);
        expect(imageSize(file)).toEqual({ width, height, channels: 3 });
        expect(jpeg.decode(file)).toMatchObject({ width, height });
      }),
      { numRuns: 10 },
    );
    expect(imageSize(Buffer.concat([Buffer.from([0xff, 0xd8]), Buffer.alloc(64, 0xff)]))).toBeNull();
  });

  test("of other bytes is none, however they go on", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 60 }),
        fc.constantFrom([], [0xff, 0xd8], [0x89, 0x50]),
        (rest, start) => {
          expect(() => imageSize(Buffer.from([...start, ...rest]))).not.toThrow();
        },
      ),
    );
    expect(imageSize(Buffer.from("GIF89a and more of it, long enough"))).toBeNull();
    expect(imageSize(Buffer.alloc(0))).toBeNull();
  });
});
