// Centred clipping as a spec names it.
import * as z from "zod";
import type { Face, SpecFacts } from "../../face.ts";
import { before, lateRule, minorityProblems, mostMalicious } from "../robust.ts";
import { sharedOptions } from "../sharedOptions.ts";

export const CenteredClippingOptions = z.strictObject({
  strategy: z
    .literal("centered-clipping")
    .describe(
      "From the aggregate of the last round towards the updates, no further towards each than tau; no update weighs more than two equal shares.",
    ),
  tau: z
    .number()
    .positive()
    .max(1e30)
    .optional()
    .describe(
      "The longest distance from the centre that counts, as an L2 norm; where absent the median of the updates' distances from it.",
    ),
  iterations: z
    .number()
    .int()
    .min(1)
    .max(100)
    .default(3)
    .describe("How often the centre moves in a round; the paper has 1."),
  maxMalicious: mostMalicious,
  before,
  late: lateRule.default("count"),
  ...sharedOptions,
});
export type CenteredClippingOptions = z.infer<typeof CenteredClippingOptions>;

export const face = {
  name: "centered-clipping",
  title: "Centred clipping",
  paper: "Karimireddy, He, Jaggi: Learning from History for Byzantine Robust Optimization, ICML 2021",
  options: CenteredClippingOptions,
  needsWhole: true,
  problems: (spec: SpecFacts) => minorityProblems(spec, CenteredClippingOptions.parse(spec.aggregation)),
} as const satisfies Face;
