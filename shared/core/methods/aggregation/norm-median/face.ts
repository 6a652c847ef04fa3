// The mean of updates no longer than the median as a spec names it.
import * as z from "zod";
import type { Face, SpecFacts } from "../../face.ts";
import { before, lateRule, minorityProblems, mostMalicious } from "../robust.ts";
import { sharedOptions } from "../sharedOptions.ts";

export const NormMedianOptions = z.strictObject({
  strategy: z
    .literal("norm-median")
    .describe(
      "The mean of the updates, each shortened to the median of their L2 norms where it is longer; no update weighs more than two equal shares.",
    ),
  maxMalicious: mostMalicious,
  before,
  late: lateRule.default("count"),
  ...sharedOptions,
});
export type NormMedianOptions = z.infer<typeof NormMedianOptions>;

export const face = {
  name: "norm-median",
  title: "Norm bound by the median",
  paper: "Sun, Kairouz, Suresh, McMahan: Can You Really Backdoor Federated Learning?, 2019",
  options: NormMedianOptions,
  needsWhole: true,
  problems: (spec: SpecFacts) => minorityProblems(spec, NormMedianOptions.parse(spec.aggregation)),
} as const satisfies Face;
