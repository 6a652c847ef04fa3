// FedNova as a spec names it.
import * as z from "zod";
import type { Face } from "../../face.ts";
import { sharedOptions } from "../sharedOptions.ts";

export const FednovaOptions = z.strictObject({
  strategy: z
    .literal("fednova")
    .describe("The average step a local step, times the average number of local steps."),
  ...sharedOptions,
});
export type FednovaOptions = z.infer<typeof FednovaOptions>;

export const face = {
  name: "fednova",
  title: "FedNova",
  paper:
    "Wang, Liu, Liang, Joshi, Poor: Tackling the Objective Inconsistency Problem in Heterogeneous Federated Optimization, NeurIPS 2020",
  options: FednovaOptions,
  needsWhole: true,
} as const satisfies Face;
