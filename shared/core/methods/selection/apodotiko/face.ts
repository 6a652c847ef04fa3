// Apodotiko as a spec names it.
import * as z from "zod";
import type { Face } from "../../face.ts";
import { cohortOptions } from "../cohortOptions.ts";
import { durationOptions } from "../durationOptions.ts";

export const ApodotikoOptions = z.strictObject({
  strategy: z
    .literal("apodotiko")
    .describe("Clients are drawn in proportion to the work that they do a second, with a bonus for waiting."),
  ...cohortOptions,
  scoreDecay: z
    .number()
    .gt(0)
    .max(1)
    .default(0.8)
    .describe("Weight of an invocation in a client's score, times that of the one after it."),
  scoreHistory: z
    .int()
    .min(1)
    .max(20)
    .default(5)
    .describe("Invocations, the newest, that a score is made of."),
  booster: z
    .number()
    .min(1)
    .max(10)
    .default(1.2)
    .describe("What a score is multiplied with for each round that its client was not chosen in."),
  failureRounds: z
    .int()
    .min(0)
    .max(1_000)
    .default(5)
    .describe("Rounds that a client sits out after one that it missed or failed in."),
  ...durationOptions,
});
export type ApodotikoOptions = z.infer<typeof ApodotikoOptions>;

export const face = {
  name: "apodotiko",
  title: "Apodotiko",
  paper:
    "Chadha, Jensen, Gu, Abboud, Gerndt: Apodotiko: Enabling Efficient Serverless Federated Learning in Heterogeneous Environments, CCGrid 2024",
  options: ApodotikoOptions,
} as const satisfies Face;
