// Consensus ADMM as a spec names it.
import * as z from "zod";
import type { Face, SpecFacts } from "../../face.ts";
import { localProblems } from "../pairedOptions.ts";
import { sharedOptions } from "../sharedOptions.ts";

export const AdmmOptions = z.strictObject({
  method: z
    .literal("admm")
    .describe("Clients agree on a model step by step: each keeps by how much it disagreed so far (ADMM)."),
  ...sharedOptions,
  rho: z
    .number()
    .positive()
    .max(1_000)
    .default(0.1)
    .describe("The penalty ρ: how strongly a client is held to the common model. 0.01 to 1 are tried first."),
});
export type AdmmOptions = z.infer<typeof AdmmOptions>;

export const face = {
  name: "admm",
  title: "Consensus ADMM",
  paper:
    "Boyd, Parikh, Chu, Peleato, Eckstein: Distributed Optimization and Statistical Learning via the Alternating Direction Method of Multipliers, Foundations and Trends in Machine Learning 2011",
  options: AdmmOptions,
  keepsState: true,
  problems: (spec: SpecFacts) => localProblems(spec),
} as const satisfies Face;
