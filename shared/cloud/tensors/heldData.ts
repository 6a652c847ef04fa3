// A data set that is kept between calls for as long as what lies at its address is the same: replaced, it is
// read again.
import type { DataStream, Dataset } from "../../core/ports/trainer.ts";
import type { DataPlace } from "../data/place.ts";
import type { SourceOptions } from "../source.ts";
import { bringData, placeVersion } from "./bringData.ts";
import type { DatasetLimits } from "./dataset.ts";

/**
 * Reads the data set at a place, or answers with the one it holds. It holds one at a time. Throws as
 * `bringData`.
 */
export function heldData(
  options: SourceOptions,
  limits: DatasetLimits,
): (place: DataPlace) => Promise<Dataset | DataStream> {
  let held:
    | { readonly key: string; readonly version: string; readonly data: Dataset | DataStream }
    | undefined;
  return async (place) => {
    const key = JSON.stringify([place.address, place.features]);
    const version = await placeVersion(place, options);
    if (held?.key === key && held.version === version) return held.data;
    held = undefined; // Its memory is for the next one.
    // A file that is replaced in between is read again with the next call.
    const data = await bringData(place, options, { ...limits, mayStream: true });
    held = { key, version, data };
    return data;
  };
}
