// Reads what lies at a data set's address, of any format, into memory or as a stream.
import type { DataStream, Dataset } from "../../core/ports/trainer.ts";
import type { SourceOptions } from "../source.ts";
import { roomBytes } from "../tensors/dataset.ts";
import { collect } from "./collect.ts";
import { type DataFile, listFiles, versionOf } from "./files.ts";
import { openData } from "./openData.ts";
import type { DataPlace, ReadLimits } from "./place.ts";
import { readFeatures } from "./readFeatures.ts";

/** What a reader that cannot read in parts may hold, without a bound of the memory. */
const UNBOUNDED_BYTES = 2 ** 40;

/**
 * @throws FlError("failed-precondition") where there is nothing, or it may not be read;
 *   FlError("invalid-argument") for what is no data set, too many unusable rows, or a bad features file;
 *   FlError("too-large") for what neither fits nor can be streamed; FlError("data-loss") for what is cut
 *   short. No message quotes a value.
 */
export async function readData(
  { address, features }: DataPlace,
  options: SourceOptions,
  { memoryMib, mayStream }: ReadLimits,
): Promise<Dataset | DataStream> {
  const files = await listFiles(address, options);
  const given = features === undefined ? null : await readFeatures(features, options);
  const bytes = memoryMib === undefined ? UNBOUNDED_BYTES : roomBytes(memoryMib);
  return collect(await openData(files, given, bytes), address, { bytes, mayStream });
}

/** Names what `readData` would read now. Throws alike. */
export async function dataVersion({ address, features }: DataPlace, options: SourceOptions): Promise<string> {
  const places = features === undefined ? [address] : [address, features];
  const files: DataFile[] = [];
  for (const place of places) files.push(...(await listFiles(place, options)));
  return versionOf(files);
}
