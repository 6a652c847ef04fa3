// Multi-Krum as a spec names it.
import * as z from "zod";
import type { Face, SpecFacts } from "../../face.ts";
import { before, lateRule, maxMalicious, robustProblems } from "../robust.ts";
import { sharedOptions } from "../sharedOptions.ts";

export const MultiKrumOptions = z.strictObject({
  strategy: z
    .literal("multi-krum")
    .describe("The mean of the updates that lie nearest to others; samples do not count."),
  maxMalicious,
  averaged: z
    .number()
    .int()
    .min(1)
    .max(1_000)
    .optional()
    .describe("Updates that are averaged: 1 is Krum, all but maxMalicious where absent, and never more."),
  before,
  late: lateRule,
  ...sharedOptions,
});
export type MultiKrumOptions = z.infer<typeof MultiKrumOptions>;

/** Blanchard et al. 2017, proposition 4.2: 2f + 2 < n. */
export function leastRows({ maxMalicious }: Pick<MultiKrumOptions, "maxMalicious">): number {
  return 2 * maxMalicious + 3;
}

export const face = {
  name: "multi-krum",
  title: "Multi-Krum",
  paper: "Blanchard, El Mhamdi, Guerraoui, Stainer: Machine Learning with Adversaries, NIPS 2017",
  options: MultiKrumOptions,
  needsWhole: true,
  problems(spec: SpecFacts) {
    const options = MultiKrumOptions.parse(spec.aggregation);
    return robustProblems(spec, options, leastRows(options), "it needs three more than twice maxMalicious");
  },
} as const satisfies Face;
