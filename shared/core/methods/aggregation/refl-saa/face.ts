// REFL's aggregation as a spec names it.
import * as z from "zod";
import type { Face } from "../../face.ts";
import { sharedOptions } from "../sharedOptions.ts";

export const ReflSaaOptions = z.strictObject({
  strategy: z
    .literal("refl-saa")
    .describe("The average step; a late update counts for more the less it resembles those in time."),
  beta: z
    .number()
    .min(0)
    .max(1)
    .default(0.35)
    .describe("How much disagreement counts in a late update's weight; the rest is 1 / (1 + staleness)."),
  ...sharedOptions,
});
export type ReflSaaOptions = z.infer<typeof ReflSaaOptions>;

export const face = {
  name: "refl-saa",
  title: "REFL's staleness-aware aggregation",
  paper: "Abdelmoniem, Sahu, Canini, Fahmy: REFL: Resource-Efficient Federated Learning, EuroSys 2023",
  options: ReflSaaOptions,
  needsWhole: true,
} as const satisfies Face;
