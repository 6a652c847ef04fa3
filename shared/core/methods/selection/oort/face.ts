// Oort as a spec names it.
import * as z from "zod";
import type { Face } from "../../face.ts";
import { cohortOptions } from "../cohortOptions.ts";
import { durationOptions } from "../durationOptions.ts";

const share = z.number().min(0).max(1);

const Exploration = z
  .strictObject({
    initial: share.default(0.9).describe("Share of a cohort for clients not tried yet, before any decay."),
    decay: share.default(0.98).describe("What that share is multiplied with in every round."),
    least: share.default(0.2).describe("What it does not fall below, as long as any are left to try."),
  })
  .describe("Places for clients whose utility is not known yet.");

const Pacer = z
  .strictObject({
    startPercent: z
      .number()
      .min(1)
      .max(100)
      .default(30)
      .describe("Of the known clients so many per cent are fast enough at first; 100 takes none as slow."),
    stepPercent: z
      .number()
      .min(0)
      .max(100)
      .default(5)
      .describe("How many more after rounds that brought less utility; 0 leaves it as it is."),
    everyRounds: z
      .int()
      .min(1)
      .max(200)
      .default(20)
      .describe("Rounds whose utility is compared with that of as many before them."),
  })
  .describe("How slow a client may be before its utility is discounted.");

export const OortOptions = z.strictObject({
  strategy: z
    .literal("oort")
    .describe("Clients whose loss is high and whose work is quick, and some that were not tried yet."),
  ...cohortOptions,
  exploration: Exploration.prefault({}),
  pacer: Pacer.prefault({}),
  slowPenalty: z
    .number()
    .min(0)
    .max(10)
    .default(2)
    .describe("A client slower than preferred has its utility times (preferred / its time) to this power."),
  cutOff: share
    .default(0.95)
    .describe("Clients are drawn among those of at least this share of the last place's utility."),
  clipQuantile: z
    .number()
    .gt(0)
    .max(1)
    .default(0.95)
    .describe("Utilities above this quantile of all count as it: no outlier decides alone."),
  uncertainty: z
    .number()
    .min(0)
    .max(10)
    .default(0.1)
    .describe("Weight of ln(round) / (round of the last invocation): the longer ago, the more it adds."),
  ...durationOptions,
});
export type OortOptions = z.infer<typeof OortOptions>;

export const face = {
  name: "oort",
  title: "Oort",
  paper:
    "Lai, Zhu, Madhyastha, Chowdhury: Oort: Efficient Federated Learning via Guided Participant Selection, OSDI 2021",
  options: OortOptions,
} as const satisfies Face;
