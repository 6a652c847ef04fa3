// The trimmed mean as a spec names it.
import * as z from "zod";
import type { Face, SpecFacts } from "../../face.ts";
import { before, lateRule, leastWith, maxMalicious, robustProblems } from "../robust.ts";
import { sharedOptions } from "../sharedOptions.ts";

export const TrimmedMeanOptions = z.strictObject({
  strategy: z
    .literal("trimmed-mean")
    .describe("The mean of each coordinate without its largest and smallest values; samples do not count."),
  maxMalicious: maxMalicious.describe(
    "Values left out at either end of each coordinate: as many as there may be bad updates in a round.",
  ),
  before,
  late: lateRule,
  ...sharedOptions,
});
export type TrimmedMeanOptions = z.infer<typeof TrimmedMeanOptions>;

export const face = {
  name: "trimmed-mean",
  title: "Trimmed mean",
  paper: "Yin, Chen, Ramchandran, Bartlett: Byzantine-Robust Distributed Learning, ICML 2018",
  options: TrimmedMeanOptions,
  needsWhole: true,
  problems(spec: SpecFacts) {
    const options = TrimmedMeanOptions.parse(spec.aggregation);
    const why = "twice maxMalicious are left out, and one has to stay";
    return robustProblems(spec, options, leastWith(options), why);
  },
} as const satisfies Face;
