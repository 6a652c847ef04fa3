// The block geometric median as a spec names it.
import * as z from "zod";
import type { Face, SpecFacts } from "../../face.ts";
import { before, lateRule, medianProblems, mostMalicious } from "../robust.ts";
import { sharedOptions } from "../sharedOptions.ts";

export const BgmdOptions = z.strictObject({
  strategy: z
    .literal("bgmd")
    .describe(
      "The geometric median in a block of coordinates; what the others say is remembered until they are the block's. Samples do not count.",
    ),
  share: z
    .number()
    .gt(0)
    .max(1)
    .default(0.1)
    .describe("Of the trained coordinates, those in a round's block: one at the least."),
  paperFaithful: z
    .boolean()
    .default(false)
    .describe(
      "As the authors' code: the block of the coordinates with the largest sums of squares, and a memory of means. One bad update then chooses the block and stays in the memory.",
    ),
  maxMalicious: mostMalicious,
  before,
  late: lateRule,
  ...sharedOptions,
});
export type BgmdOptions = z.infer<typeof BgmdOptions>;

export const face = {
  name: "bgmd",
  title: "Block geometric median (BGMD)",
  paper:
    "Acharya, Hashemi, Jain, Sanghavi, Dhillon, Topcu: Robust Training in High Dimensions via Block Coordinate Geometric Median Descent, AISTATS 2022",
  options: BgmdOptions,
  needsWhole: true,
  problems: (spec: SpecFacts) => medianProblems(spec, BgmdOptions.parse(spec.aggregation)),
} as const satisfies Face;
