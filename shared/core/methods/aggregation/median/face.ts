// The coordinate-wise median as a spec names it.
import * as z from "zod";
import type { Face, SpecFacts } from "../../face.ts";
import { lateRule, tooFewUpdates } from "../robust.ts";
import { sharedOptions } from "../sharedOptions.ts";

export const MedianOptions = z.strictObject({
  strategy: z
    .literal("median")
    .describe("The median of the updates, coordinate by coordinate; samples do not count."),
  late: lateRule,
  ...sharedOptions,
});
export type MedianOptions = z.infer<typeof MedianOptions>;

/** Of fewer, one bad update can move the median anywhere. */
export const LEAST_UPDATES = 3;

export const face = {
  name: "median",
  title: "Coordinate-wise median",
  paper: "Yin, Chen, Ramchandran, Bartlett: Byzantine-Robust Distributed Learning, ICML 2018",
  options: MedianOptions,
  needsWhole: true,
  problems: (spec: SpecFacts) =>
    tooFewUpdates(spec, LEAST_UPDATES, "the median of two updates is their mean"),
} as const satisfies Face;
