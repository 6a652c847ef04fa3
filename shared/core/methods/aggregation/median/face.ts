// The coordinate-wise median as a spec names it.
import * as z from "zod";
import type { Face, SpecFacts } from "../../face.ts";
import { before, lateRule, medianProblems, mostMalicious } from "../robust.ts";
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

export const face = {
  name: "median",
  title: "Coordinate-wise median",
  paper: "Yin, Chen, Ramchandran, Bartlett: Byzantine-Robust Distributed Learning, ICML 2018",
  options: MedianOptions,
  needsWhole: true,
  problems: (spec: SpecFacts) => medianProblems(spec, MedianOptions.parse(spec.aggregation)),
} as const satisfies Face;
