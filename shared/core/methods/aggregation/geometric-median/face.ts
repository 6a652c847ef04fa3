// The geometric median as a spec names it.
import * as z from "zod";
import type { Face, SpecFacts } from "../../face.ts";
import { before, lateRule, minorityProblems, mostMalicious } from "../robust.ts";
import { sharedOptions } from "../sharedOptions.ts";

export const GeometricMedianOptions = z.strictObject({
  strategy: z
    .literal("geometric-median")
    .describe(
      "The point of the least weighted distance to the updates (RFA); no update weighs more than two equal shares.",
    ),
  iterations: z
    .number()
    .int()
    .min(1)
    .max(1_000)
    .default(100)
    .describe("Steps of Weiszfeld's algorithm, at most."),
  tolerance: z
    .number()
    .min(0)
    .max(1)
    .default(1e-6)
    .describe(
      "It ends once a step moves the point by less than this share of the usual distance between neighbours.",
    ),
  smoothing: z
    .number()
    .positive()
    .max(1)
    .default(1e-6)
    .describe("The least distance that counts, as a share of the usual distance between neighbours."),
  maxMalicious: mostMalicious,
  before,
  late: lateRule.default("count"),
  ...sharedOptions,
});
export type GeometricMedianOptions = z.infer<typeof GeometricMedianOptions>;

export const face = {
  name: "geometric-median",
  title: "Geometric median (RFA)",
  paper: "Pillutla, Kakade, Harchaoui: Robust Aggregation for Federated Learning, IEEE TSP 2022",
  options: GeometricMedianOptions,
  needsWhole: true,
  problems: (spec: SpecFacts) => minorityProblems(spec, GeometricMedianOptions.parse(spec.aggregation)),
} as const satisfies Face;
