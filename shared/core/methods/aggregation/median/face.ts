// The coordinate-wise median as a spec names it.
import * as z from "zod";
import type { Face, SpecFacts } from "../../face.ts";
import { before, lateRule, leastWith, mostMalicious, robustProblems } from "../robust.ts";
import { sharedOptions } from "../sharedOptions.ts";

export const MedianOptions = z.strictObject({
  strategy: z
    .literal("median")
    .describe("The median of the updates, coordinate by coordinate; samples do not count."),
  maxMalicious: mostMalicious,
  before,
  late: lateRule,
  ...sharedOptions,
});
export type MedianOptions = z.infer<typeof MedianOptions>;

/** Of two, one bad update can move the median anywhere. */
export function leastRows(options: Pick<MedianOptions, "maxMalicious">): number {
  return Math.max(3, leastWith(options));
}

export const face = {
  name: "median",
  title: "Coordinate-wise median",
  paper: "Yin, Chen, Ramchandran, Bartlett: Byzantine-Robust Distributed Learning, ICML 2018",
  options: MedianOptions,
  needsWhole: true,
  problems(spec: SpecFacts) {
    const options = MedianOptions.parse(spec.aggregation);
    const rows = leastRows(options);
    const why =
      rows === 3 ? "the median of two updates is their mean" : "fewer than half of them may be malicious";
    return robustProblems(spec, options, rows, why);
  },
} as const satisfies Face;
