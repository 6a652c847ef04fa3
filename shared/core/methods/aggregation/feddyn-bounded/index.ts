// FedDyn's server of bounded updates: each x as x · min(1, C / ‖x‖)², where C is the median of the last
// norms. A norm bound (Sun et al. 2019, section 4) has the first power, and lets what is longer pull as far
// as C; with the second it pulls C² / ‖x‖, the less the longer it is, as redescending estimators do (Hampel,
// Ronchetti, Rousseeuw & Stahel 1986, section 2.6).
import type { WeightsAggregation } from "../aggregationMethod.ts";
import { feddynStep } from "../feddynStep.ts";
import { lowerMedian } from "../shares.ts";
import type { FeddynBoundedOptions } from "./face.ts";

export const behaviour: WeightsAggregation<FeddynBoundedOptions> = {
  access: "weights",
  elementwise: false,
  shortens: true,
  prepare(contributions, gram, _options, knownNorms) {
    const norms = contributions.map((_, i) => Math.sqrt(Math.max(0, gram.at(i, i))));
    const usual = lowerMedian([...knownNorms, ...norms]);
    return {
      weights: contributions.map(({ stalenessWeight }) => stalenessWeight),
      scales: norms.map((norm) => (norm > usual ? (usual / norm) ** 2 : 1)),
    };
  },
  server: { state: ["dual"], step: feddynStep },
};
