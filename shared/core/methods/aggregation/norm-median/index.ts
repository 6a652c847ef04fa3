// The mean of the updates, each x as x · min(1, C / ‖x‖) (Sun et al. 2019, section 4), where C is the median
// of their norms instead of a constant.
import type { WeightsAggregation } from "../aggregationMethod.ts";
import { leastWith, robustBehaviour } from "../robust.ts";
import { lowerMedian, sharesOf } from "../shares.ts";
import type { NormMedianOptions } from "./face.ts";

export const behaviour: WeightsAggregation<NormMedianOptions> = {
  access: "weights",
  elementwise: false,
  shortens: true,
  ...robustBehaviour<NormMedianOptions>(leastWith),
  prepare(contributions, gram, { maxMalicious }) {
    const norms = contributions.map((_, i) => Math.sqrt(Math.max(0, gram.at(i, i))));
    const most = lowerMedian(norms);
    return {
      weights: sharesOf(contributions, maxMalicious),
      scales: norms.map((norm) => (norm > most ? most / norm : 1)),
    };
  },
};
