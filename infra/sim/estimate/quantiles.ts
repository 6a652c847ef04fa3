// Quantiles of what simulated runs came to.
import type { EstimateRange } from "../../../shared/core/schemas/estimate.ts";

/** The 10th, 50th and 90th percentile of at least one value, straight between neighbours (Hyndman & Fan, 7). */
export function rangeOf(values: readonly number[]): EstimateRange {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => {
    const place = share * (sorted.length - 1);
    const [low = 0, high = low] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]];
    return low + (high - low) * (place - Math.floor(place));
  };
  return { p10: at(0.1), p50: at(0.5), p90: at(0.9) };
}
