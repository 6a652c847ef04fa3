// Momentum of clients as a spec names it.
import * as z from "zod";
import type { Face, SpecFacts } from "../../face.ts";
import { localProblems } from "../pairedOptions.ts";
import { sharedOptions } from "../sharedOptions.ts";

export const ClientMomentumOptions = z.strictObject({
  method: z
    .literal("client-momentum")
    .describe(
      "A client sends an average of its updates so far, the newest counting most: for robust aggregations.",
    ),
  ...sharedOptions,
  momentum: z
    .number()
    .min(0)
    .lt(1)
    .default(0.9)
    .describe("Share of the average that the next update keeps; 0 is plain training."),
});
export type ClientMomentumOptions = z.infer<typeof ClientMomentumOptions>;

export const face = {
  name: "client-momentum",
  title: "Momentum of clients",
  paper: "Karimireddy, He, Jaggi: Learning from History for Byzantine Robust Optimization, ICML 2021",
  options: ClientMomentumOptions,
  keepsState: true,
  problems: (spec: SpecFacts) => localProblems(spec),
} as const satisfies Face;
