// The coordinate-wise trimmed mean (Yin et al. 2018, option II).
import { FlError } from "../../../errors.ts";
import type { BlocksAggregation } from "../aggregationMethod.ts";
import { leastWith, robustBehaviour } from "../robust.ts";
import { sortedColumns } from "../sortedColumns.ts";
import type { TrimmedMeanOptions } from "./face.ts";

/**
 * The mean of the n - 2b middle values, b = maxMalicious. O(n log n) a coordinate. Throws
 * `failed-precondition` for n ≤ 2b.
 */
export const behaviour: BlocksAggregation<TrimmedMeanOptions> = {
  access: "blocks",
  elementwise: true,
  ...robustBehaviour<TrimmedMeanOptions>(leastWith),
  combine(rows, { maxMalicious }, into) {
    const kept = rows.length - 2 * maxMalicious;
    if (kept < 1) {
      throw new FlError(
        "failed-precondition",
        `A trimmed mean without ${maxMalicious} updates at either end needs more than ${rows.length}.`,
      );
    }
    sortedColumns(rows, (k, column) => {
      let sum = 0;
      for (let i = maxMalicious; i < maxMalicious + kept; i++) sum += column[i] ?? 0;
      into[k] = sum / kept;
    });
  },
};
