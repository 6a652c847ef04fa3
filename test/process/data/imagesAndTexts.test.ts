// Image folders and texts: what each pixel and token becomes, and what is refused or counted.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32, deflateSync } from "node:zlib";
import { encode as encodePng } from "fast-png";
import { encode as encodeJpeg } from "jpeg-js";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { DataStream, Dataset } from "../../../shared/core/ports/trainer.ts";
import { grey, put, readWritten } from "../../support/dataFiles.ts";
import { refusalOf } from "../../support/refusal.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "fedstratus images-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function inMemory(data: Dataset | DataStream): Dataset {
  if ("batches" in data) throw new Error("It is a stream.");
  return data;
}

describe("images", () => {
  const features = { kind: "images", classes: ["cat", "dog"], height: 1, width: 2, channels: 1, divisor: 1 };

  const one = async (name: string, content: Uint8Array, more: object = {}) => {
    put(folder, `set/dog/${name}`, content);
    const data = inMemory(await readWritten(folder, { address: "set", features: { ...features, ...more } }));
    expect([...data.y.values]).toEqual([1]);
    return [...data.x.values];
  };

  test("have the class of their folder, in an order that mixes the classes", async () => {
    for (let i = 0; i < 20; i++) put(folder, `set/${i < 10 ? "cat" : "dog"}/${i}.png`, grey(i, 255 - i));
    const { x, y, facts } = inMemory(await readWritten(folder, { address: "set", features }));
    expect(x.shape).toEqual([20, 1, 2, 1]);
    const byValue = [...y.values].map((label, i) => [x.values[2 * i], x.values[2 * i + 1], label]);
    expect(byValue.toSorted(([a = 0], [b = 0]) => a - b)).toEqual(
      Array.from({ length: 20 }, (_, i) => [i, 255 - i, i < 10 ? 0 : 1]),
    );
    expect(new Set([...y.values].slice(0, 10)).size).toBe(2);
    expect(facts).toEqual({ rows: 20, refused: [], dropped: 0 });
  });

  test("are scaled by the divisor, 255 by default", async () => {
    expect(await one("a.png", grey(255, 51), { divisor: 255 })).toEqual([1, Math.fround(0.2)]);
  });

  test("are resized to the mean of what each pixel covers", async () => {
    const image = {
      width: 4,
      height: 2,
      channels: 1,
      depth: 8,
      data: Uint8Array.of(0, 10, 20, 40, 2, 4, 60, 80),
    } as const;
    expect(await one("a.png", encodePng(image))).toEqual([4, 50]);
    expect(await one("a.png", grey(5, 7), { height: 2, width: 4 })).toEqual([5, 5, 7, 7, 5, 5, 7, 7]);
  });

  test.each([
    ["grey of 16 bits", { channels: 1, depth: 16, data: Uint16Array.of(0, 65_535) }, [0, 255]],
    ["grey and alpha", { channels: 2, depth: 8, data: Uint8Array.of(9, 255, 7, 0) }, [9, 7]],
    ["colours", { channels: 3, depth: 8, data: Uint8Array.of(100, 0, 0, 0, 100, 0) }, [29.9, 58.7]],
    [
      "colours and alpha",
      { channels: 4, depth: 8, data: Uint8Array.of(0, 0, 100, 255, 9, 9, 9, 9) },
      [11.4, 9],
    ],
  ] as const)("of PNG: %s", async (_, image, values) => {
    const found = await one("a.png", encodePng({ width: 2, height: 1, ...image }));
    for (const [i, value] of found.entries()) expect(value).toBeCloseTo(values[i] ?? -1, 4);
  });

  test("of PNG with a palette, and with less than a byte a pixel", async () => {
    const palette = pngOf(2, 1, 1, 3, Uint8Array.of(0, 0b1000_0000), [
      ["PLTE", Uint8Array.of(1, 2, 3, 40, 50, 60)],
    ]);
    const colours = await one("a.png", palette, { channels: 3 });
    expect(colours).toEqual([40, 50, 60, 1, 2, 3]);
    expect(await one("a.png", pngOf(2, 1, 2, 0, Uint8Array.of(0, 0b0111_0000)))).toEqual([85, 255]);
  });

  test("of JPEG, nearly as they were", async () => {
    const data = Buffer.alloc(16 * 16 * 4, 200);
    const values = await one("a.JPG", encodeJpeg({ width: 16, height: 16, data }, 95).data, { channels: 3 });
    for (const value of values) expect(Math.abs(value - 200)).toBeLessThan(3);
  });

  test("that cannot be read are counted, and so are those of other folders", async () => {
    put(folder, "set/dog/good.png", grey(1, 2));
    put(folder, "set/dog/damaged.png", grey(1, 2).subarray(0, 40));
    put(folder, "set/dog/text.jpg", "patient 4711");
    put(folder, "set/dog/empty.png", "");
    put(folder, "set/mouse/a.png", grey(1, 2));
    put(folder, "set/README.md", "not data");
    const lenient = { ...features, maxRefusedShare: 0.9 };
    const { facts } = inMemory(await readWritten(folder, { address: "set", features: lenient }));
    expect(facts?.rows).toBe(5);
    const counts = Object.fromEntries(facts?.refused.map(({ reason, rows }) => [reason, rows]) ?? []);
    expect(counts).toEqual({ "unreadable-image": 3, "not-in-vocabulary": 1 });
    const error = await refusalOf(() => readWritten(folder, { address: "set", features }));
    expect(error.message).toContain("4 of its 5 rows cannot be used");
    expect(error.message).not.toMatch(/4711|mouse/);
  });

  test("that say they are huge are refused before they are decoded", async () => {
    const bomb = pngOf(100_000, 100_000, 8, 0, Buffer.alloc(1_000));
    put(folder, "set/dog/bomb.png", bomb);
    put(folder, "set/dog/good.png", grey(1, 2));
    const lenient = { ...features, maxRefusedShare: 0.5 };
    const { facts } = inMemory(await readWritten(folder, { address: "set", features: lenient }));
    expect(facts?.refused).toMatchObject([{ reason: "wrong-size", rows: 1 }]);
  });

  test("none of which are in a class' folder are no data set", async () => {
    put(folder, "set/a.png", grey(1, 2));
    const error = await refusalOf(() => readWritten(folder, { address: "set", features }));
    expect(error.message).toContain(
      "none of 1 files is a .png or .jpg in a folder named after one of the classes",
    );
  });
});

/** A PNG by hand, of what the encoder does not write. */
function pngOf(
  width: number,
  height: number,
  depth: number,
  type: number,
  rows: Uint8Array,
  more: readonly (readonly [string, Uint8Array])[] = [],
): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = depth;
  header[9] = type;
  const chunks = [["IHDR", header], ...more, ["IDAT", deflateSync(rows)], ["IEND", Buffer.alloc(0)]] as const;
  return Buffer.concat([
    Buffer.of(0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10),
    ...chunks.map(([name, data]) => {
      const body = Buffer.concat([Buffer.from(name), data]);
      const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
      length.writeUInt32BE(data.byteLength);
      sum.writeUInt32BE(crc32(body));
      return Buffer.concat([length, body, sum]);
    }),
  ]);
}

describe("texts", () => {
  const features = { kind: "text", unit: "characters", vocabulary: ["a", "b", "c"], length: 2 };
  const read = async (text: string | Uint8Array, more: object = {}) => {
    put(folder, "t.txt", text);
    const { x, y } = inMemory(
      await readWritten(folder, { address: "t.txt", features: { ...features, ...more } }),
    );
    return { x: [...x.values], y: [...y.values], shapes: [x.shape, y.shape] };
  };

  test("are windows with the token after each", async () => {
    expect(await read("abcabz")).toEqual({ x: [2, 3, 4, 2], y: [4, 3], shapes: [[2, 2], [2]] });
    expect(await read("abcab", { stride: 1 })).toMatchObject({ x: [2, 3, 3, 4, 4, 2], y: [4, 2, 3] });
    expect(await read("abz", {})).toMatchObject({ x: [2, 3], y: [1] });
  });

  test("give a label for each token where asked", async () => {
    expect(await read("abcab", { predict: "each" })).toEqual({
      x: [2, 3, 4, 2],
      y: [3, 4, 2, 3],
      shapes: [
        [2, 2],
        [2, 2],
      ],
    });
  });

  test("are counted in characters of Unicode, words or bytes", async () => {
    expect(await read("é👍a", { vocabulary: ["👍", "é"] })).toMatchObject({ x: [3, 2], y: [1] });
    const words = { unit: "words", vocabulary: ["to", "be", "don't"], lowerCase: true };
    expect(await read("To be, or  don't!\nTO", { ...words, length: 4 })).toMatchObject({
      x: [2, 3, 1, 4],
      y: [2],
    });
    const bytes = { unit: "bytes", vocabulary: undefined };
    expect(await read(Uint8Array.of(0, 255, 7), bytes)).toMatchObject({ x: [0, 255], y: [7] });
  });

  test("of several files are never joined", async () => {
    put(folder, "many/a.txt", "aba");
    put(folder, "many/b.txt", "cbc");
    const { x, y } = inMemory(await readWritten(folder, { address: "many", features }));
    expect([[...x.values], [...y.values]]).toEqual([
      [2, 3, 4, 3],
      [2, 4],
    ]);
  });

  test.each([
    ["ab", "none of 1 texts is longer than length = 2 characters"],
    ["", "none of 1 texts is longer"],
    [Uint8Array.of(0x61, 0xff, 0x61, 0x61), "it is no text in UTF-8"],
  ])("%j is refused", async (content, message) => {
    put(folder, "t.txt", content);
    const error = await refusalOf(() => readWritten(folder, { address: "t.txt", features }));
    expect(error).toMatchObject({ code: "invalid-argument" });
    expect(error.message).toContain(message);
  });

  test("that do not fit are refused", async () => {
    put(folder, "t.txt", "a".repeat(200_000));
    const error = await refusalOf(() =>
      readWritten(folder, { address: "t.txt", features }, { memoryMib: 8 }),
    );
    expect(error).toMatchObject({ code: "too-large" });
  });
});
