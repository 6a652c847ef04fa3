// The trimmed mean as a spec names it.
import * as z from "zod";
import type { Face, SpecFacts } from "../../face.ts";
import { lateRule, maxMalicious, tooFewUpdates } from "../robust.ts";
import { sharedOptions } from "../sharedOptions.ts";

export const TrimmedMeanOptions = z.strictObject({
  strategy: z
    .literal("trimmed-mean")
    .describe("The mean of each coordinate without its largest and smallest values; samples do not count."),
  maxMalicious: maxMalicious.describe(
    "Values left out at either end of each coordinate: as many as there may be bad updates in a round.",
  ),
  late: lateRule,
  ...sharedOptions,
});
export type TrimmedMeanOptions = z.infer<typeof TrimmedMeanOptions>;

/** One value has to stay. */
export function leastTrimmed({ maxMalicious }: Pick<TrimmedMeanOptions, "maxMalicious">): number {
  return 2 * maxMalicious + 1;
}

export const face = {
  name: "trimmed-mean",
  title: "Trimmed mean",
  paper: "Yin, Chen, Ramchandran, Bartlett: Byzantine-Robust Distributed Learning, ICML 2018",
  options: TrimmedMeanOptions,
  needsWhole: true,
  problems(spec: SpecFacts) {
    const least = leastTrimmed(TrimmedMeanOptions.parse(spec.aggregation));
    return tooFewUpdates(spec, least, "twice maxMalicious are left out, and one has to stay");
  },
} as const satisfies Face;
