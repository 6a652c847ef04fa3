// A data set that is kept between calls for as long as what lies at its address is the same: replaced, it is
// read again.
import type { Dataset } from "../../core/ports/trainer.ts";
import { openSource, type SourceOptions, sourceVersion } from "../source.ts";
import { type DatasetLimits, readDataset } from "./dataset.ts";

/**
 * Reads the data set at an address, or answers with the one it holds. It holds one at a time. Throws as
 * `readDataset`.
 */
export function heldDataset(
  options: SourceOptions,
  limits: DatasetLimits,
): (address: string) => Promise<Dataset> {
  let held: { readonly address: string; readonly version: string; readonly data: Dataset } | undefined;
  return async (address) => {
    if (held?.address === address && held.version === (await sourceVersion(address, options)))
      return held.data;
    held = undefined; // Its memory is for the next one.
    const source = await openSource(address, options);
    const { version } = source;
    const data = await readDataset(source, limits);
    held = { address, version, data };
    return data;
  };
}
