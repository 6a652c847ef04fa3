// A data set's file: what is written is what a client reads, and what is no data set is refused with the reason.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { loadFashionMnist } from "../../../infra/data/fashionMnist.ts";
import { encodeImages } from "../../../infra/data/images.ts";
import { decodeDataset } from "../../../shared/cloud/tensors/dataset.ts";
import { encodeSafetensors, type Tensor } from "../../../shared/core/updates/safetensors.ts";

const bytes = (...values: number[]) => Uint8Array.from(values);
const floats = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer);
const u8 = (name: string, shape: readonly number[], ...values: number[]): Tensor => ({
  name,
  dtype: "U8",
  shape,
  data: bytes(...values),
});

describe("images", () => {
  const images = {
    height: 1,
    width: 2,
    classes: 3,
    pixels: bytes(0, 255, 51, 102, 7, 8),
    labels: bytes(2, 0, 1),
  };

  test("come back scaled to [0, 1], in the order asked for", () => {
    const { x, y } = decodeDataset(encodeImages(images, [1, 0]));
    expect(x.shape).toEqual([2, 1, 2, 1]);
    expect([...x.values]).toEqual([51 / 255, 102 / 255, 0, 1].map(Math.fround));
    expect(y).toEqual({ shape: [2], values: Float32Array.of(0, 2) });
  });

  test("of which there are none are no data set", () => {
    expect(() => decodeDataset(encodeImages(images, []))).toThrow("Bad data set: it has no samples.");
  });
});

describe("decodeDataset", () => {
  test("takes floats and integers as they are without a divisor", () => {
    const labels = new Uint8Array(Int32Array.of(-3, 70_000).buffer);
    const file = encodeSafetensors([
      { name: "x", dtype: "F32", shape: [2, 1], data: floats(0.5, -2) },
      { name: "y", dtype: "I32", shape: [2], data: labels },
    ]);
    expect(decodeDataset(file)).toEqual({
      x: { shape: [2, 1], values: Float32Array.of(0.5, -2) },
      y: { shape: [2], values: Float32Array.of(-3, 70_000) },
    });
  });

  test("does not share memory with the file", () => {
    const file = encodeSafetensors([
      { name: "x", dtype: "F32", shape: [1, 1], data: floats(0.5) },
      u8("y", [1], 1),
    ]);
    const { x } = decodeDataset(file);
    file.fill(0);
    expect([...x.values]).toEqual([0.5]);
  });

  const x = u8("x", [2, 1], 1, 2);
  const y = u8("y", [2], 0, 1);
  test.each<[string, Tensor[], Record<string, string>, string]>([
    ["no samples' tensor", [y], {}, 'no tensor "x"'],
    ["no labels' tensor", [x], {}, 'no tensor "y"'],
    ["fewer labels", [x, u8("y", [1], 0)], {}, "2 samples but 1 labels"],
    ["no samples", [u8("x", [0, 1]), u8("y", [0])], {}, "no samples"],
    ["samples of nothing", [u8("x", [2, 0]), y], {}, "no samples"],
    ["scalars", [u8("x", [], 1), u8("y", [], 1)], {}, "no samples"],
    ["a label out of range", [x, y], { classes: "1" }, "label 1 is none of its classes 0..0"],
    ["a divisor of zero", [x, y], { divisor: "0" }, '"divisor" must be a positive number, not "0"'],
    ["a divisor that is no number", [x, y], { divisor: "all" }, '"divisor" must be a positive number'],
    ["another type", [{ ...x, dtype: "F16", shape: [1, 1] }, u8("y", [1], 0)], {}, '"x" is F16'],
  ])("refuses %s", (_, tensors, metadata, message) => {
    expect(() => decodeDataset(encodeSafetensors(tensors, metadata))).toThrow(
      expect.objectContaining({ code: "invalid-argument", message: expect.stringContaining(message) }),
    );
  });

  test("refuses half a label where classes are counted", () => {
    const file = encodeSafetensors([x, { name: "y", dtype: "F32", shape: [2], data: floats(0, 0.5) }], {
      classes: "2",
    });
    expect(() => decodeDataset(file)).toThrow("the label 0.5 is none of its classes 0..1");
  });

  test("refuses what is no safetensors file", () => {
    expect(() => decodeDataset(bytes(1, 2, 3))).toThrow(expect.objectContaining({ code: "data-loss" }));
  });
});

describe("loadFashionMnist", () => {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "fedstratus-data-"));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });
  const put = (name: string, ...values: number[]) =>
    writeFileSync(join(folder, name), gzipSync(bytes(...values)));
  const imagesHeader = [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2];

  test("reads one part", async () => {
    put("t10k-images-idx3-ubyte.gz", ...imagesHeader, 1, 2, 3, 4);
    put("t10k-labels-idx1-ubyte.gz", 0, 0, 8, 1, 0, 0, 0, 2, 9, 5);
    const { pixels, labels, ...rest } = await loadFashionMnist(folder, "test");
    expect(rest).toEqual({ height: 1, width: 2, classes: 10 });
    expect([...pixels]).toEqual([1, 2, 3, 4]);
    expect([...labels]).toEqual([9, 5]);
  });

  test("says what to run where a file is missing", async () => {
    await expect(loadFashionMnist(folder, "train")).rejects.toThrow(/cannot be read; set-up fetches it/);
  });

  test("refuses labels of other images", async () => {
    put("train-images-idx3-ubyte.gz", ...imagesHeader, 1, 2, 3, 4);
    put("train-labels-idx1-ubyte.gz", 0, 0, 8, 1, 0, 0, 0, 1, 9);
    await expect(loadFashionMnist(folder, "train")).rejects.toThrow(/do not fit/);
  });
});
