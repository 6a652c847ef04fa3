// Samples and labels as safetensors files, what clients read without a features file: written row by row to
// one of several files, in the memory of what waits to be written.
import { createReadStream, createWriteStream } from "node:fs";
import { rm } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import type { Rows } from "../../../shared/cloud/data/rows.ts";
import { datasetMetadata } from "../../../shared/cloud/tensors/dataset.ts";
import { elementCount, safetensorsHeader } from "../../../shared/core/updates/safetensors.ts";
import { appendMany } from "./appendMany.ts";

export interface SampleShape {
  /** Of one row. */
  readonly inputShape: readonly number[];
  readonly targetShape: readonly number[];
  /** Where labels are class numbers. */
  readonly classes?: number;
}

export interface SampleFiles {
  /** Adds one row of some. */
  add(file: number, rows: Rows, row: number): Promise<void>;
  finish(): Promise<void>;
}

/** Makes new files. Until they are finished, there are files beside them. */
export async function openSampleFiles(
  paths: readonly string[],
  { inputShape, targetShape, classes }: SampleShape,
): Promise<SampleFiles> {
  const [xSize, ySize] = [elementCount(inputShape), elementCount(targetShape)];
  // The header, which comes first, has the number of rows.
  const [xPaths, yPaths] = [paths.map((path) => `${path}.x`), paths.map((path) => `${path}.y`)];
  const [xFiles, yFiles] = [await appendMany(xPaths), await appendMany(yPaths)];
  const counts = paths.map(() => 0);
  return {
    async add(file, { x, y }, row) {
      counts[file] = (counts[file] ?? 0) + 1;
      await xFiles.append(file, bytesOf(x, row * xSize, xSize));
      await yFiles.append(file, bytesOf(y, row * ySize, ySize));
    },
    async finish() {
      await xFiles.finish();
      await yFiles.finish();
      for (const [i, path] of paths.entries()) {
        const rows = counts[i] ?? 0;
        const header = safetensorsHeader(
          [
            { name: "x", dtype: "F32", shape: [rows, ...inputShape] },
            { name: "y", dtype: "F32", shape: [rows, ...targetShape] },
          ],
          classes === undefined ? {} : { [datasetMetadata.classes]: String(classes) },
        );
        const parts = [xPaths[i] ?? "", yPaths[i] ?? ""];
        await pipeline(
          async function* () {
            yield header;
            for (const part of parts) yield* createReadStream(part);
          },
          createWriteStream(path, { flags: "wx" }),
        );
        for (const part of parts) await rm(part);
      }
    },
  };
}

/** Of some values, in the machine's order, which is the format's wherever Node runs. */
function bytesOf(values: Float32Array, begin: number, count: number): Uint8Array {
  const width = Float32Array.BYTES_PER_ELEMENT;
  return new Uint8Array(values.buffer, values.byteOffset + begin * width, count * width);
}
