// Arrays that are split: a safetensors file a client, with the samples and labels as a client reads them.
import { join } from "node:path";
import type { DataFile } from "../../../shared/cloud/data/files.ts";
import { openData } from "../../../shared/cloud/data/openData.ts";
import type { ArrayFeatures } from "../../../shared/core/data/features.ts";
import { RowTally } from "../../../shared/core/data/tally.ts";
import { FlError } from "../../../shared/core/errors.ts";
import { argMax } from "../../../shared/core/metrics/argMax.ts";
import { elementCount } from "../../../shared/core/updates/safetensors.ts";
import { ROOM_BYTES } from "../ownersFiles.ts";
import { openSampleFiles } from "../write/sampleFiles.ts";
import { labelCoder, type SplitSource } from "./source.ts";

export async function arraySource(
  files: readonly DataFile[],
  features: ArrayFeatures | undefined,
): Promise<SplitSource> {
  const source = await openData(files, features ?? null, ROOM_BYTES);
  const labelSize = elementCount(source.targetShape);
  return {
    format: "safetensors",
    notes: [],
    async scan({ label, column, needsLabels }, signal) {
      const named = label !== undefined ? "--label" : column !== undefined ? "--column" : null;
      if (named !== null) {
        throw new FlError(
          "invalid-argument",
          `${named} names a column, which arrays do not have: leave it out. Their labels are the array y, or the target of --features.`,
        );
      }
      const tally = new RowTally();
      const coder = labelCoder();
      let count = 0;
      for await (const { rows } of source.pieces(tally)) {
        signal.throwIfAborted();
        count += rows.count;
        if (!needsLabels) continue;
        for (let row = 0; row < rows.count; row++) coder.add(labelOf(rows.y, row, labelSize));
      }
      return {
        units: { count, labels: needsLabels ? coder.coded() : null, groups: null },
        facts: tally.facts(),
      };
    },
    async write(clientOf, clientIds, folder, signal) {
      const called = clientIds.map((clientId) => `${clientId}.safetensors`);
      const out = await openSampleFiles(
        called.map((name) => join(folder, name)),
        { ...source, ...(features?.classes === undefined ? {} : { classes: features.classes }) },
      );
      let unit = 0;
      for await (const { rows } of source.pieces(new RowTally())) {
        signal.throwIfAborted();
        for (let row = 0; row < rows.count; row++) await out.add(clientOf[unit++] ?? 0, rows, row);
      }
      await out.finish();
      return called;
    },
  };
}

/** One number is the label; of several, as of one-hot labels, the place of the largest. */
function labelOf(y: Float32Array, row: number, size: number): string | null {
  if (size > 1) return String(argMax(y, row * size, size));
  const value = y[row] ?? Number.NaN;
  return Number.isNaN(value) ? null : String(value);
}
