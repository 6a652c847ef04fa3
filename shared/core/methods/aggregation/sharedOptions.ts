// What every aggregation's options have in common: how updates are weighed and bounded before any method sees
// them.
import * as z from "zod";
import { NormRule } from "../update/norm-bound/face.ts";
import { Staleness } from "./staleness.ts";

export const sharedOptions = {
  staleness: Staleness.default({ weight: "paper", maxRounds: 2 }).describe(
    "Weight of a late update; one older than maxRounds rounds expires.",
  ),
  norm: NormRule.default({ action: "reject", max: 1e6 }).describe(
    "An update whose L2 norm is above max is shortened to it (clip) or refused (reject).",
  ),
  maxSamplesRatio: z
    .number()
    .min(1)
    .max(1_000_000)
    .default(10)
    .describe("No update counts for more samples than this many times the median of those folded with it."),
};
