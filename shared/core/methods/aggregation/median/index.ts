// The coordinate-wise median (Yin et al. 2018, option I): what fewer than half of the updates say cannot move
// a coordinate out of the range of the others.
import type { BlocksAggregation } from "../aggregationMethod.ts";
import { leastOfMedian, robustBehaviour } from "../robust.ts";
import { sortedColumns } from "../sortedColumns.ts";
import type { MedianOptions } from "./face.ts";

/** The middle value, or the mean of the two middle ones. O(n log n) a coordinate. */
export const behaviour: BlocksAggregation<MedianOptions> = {
  access: "blocks",
  elementwise: true,
  ...robustBehaviour(leastOfMedian),
  combine(rows, _options, into) {
    const [low, high] = [(rows.length - 1) >> 1, rows.length >> 1];
    sortedColumns(rows, (k, column) => {
      into[k] = ((column[low] ?? 0) + (column[high] ?? 0)) / 2;
    });
  },
};
