// Brings the data set of a function: one safetensors file as it comes, everything else by the readers, which
// are loaded when they are needed.
import { FlError } from "../../core/errors.ts";
import type { DataStream, Dataset } from "../../core/ports/trainer.ts";
import type { DataPlace, ReadLimits } from "../data/place.ts";
import { openSource, type SourceOptions, sourceVersion } from "../source.ts";
import { readDataset } from "./dataset.ts";

/**
 * @throws FlError as `readDataset` for one safetensors file, and as `readData` for everything else.
 */
export async function bringData(
  place: DataPlace,
  options: SourceOptions,
  limits: ReadLimits,
): Promise<Dataset | DataStream> {
  if (isOneFile(place)) {
    try {
      return await readDataset(await openSource(place.address, options), { memoryMib: limits.memoryMib });
    } catch (error) {
      // By its header, before anything was read.
      if (!limits.mayStream || !(error instanceof FlError) || error.code !== "too-large") throw error;
    }
  }
  const { readData } = await import("../data/readData.ts");
  return readData(place, options, limits);
}

/** Names what would be brought now: another one as soon as a file is replaced, added or removed. */
export async function placeVersion(place: DataPlace, options: SourceOptions): Promise<string> {
  if (isOneFile(place)) return sourceVersion(place.address, options);
  const { dataVersion } = await import("../data/readData.ts");
  return dataVersion(place, options);
}

function isOneFile({ address, features }: DataPlace): boolean {
  return features === undefined && /\.safetensors$/i.test(address) && !address.includes("*");
}
