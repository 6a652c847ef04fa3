// The server of SCAFFOLD as a spec names it.
import * as z from "zod";
import type { Face, SpecFacts } from "../../face.ts";
import { pairProblems, scaffoldPair } from "../../training/pairedOptions.ts";
import { sharedOptions } from "../sharedOptions.ts";

export const ScaffoldServerOptions = z.strictObject({
  strategy: z
    .literal("scaffold-server")
    .describe("The average step, all clients alike; keeps the mean control of training.method scaffold."),
  ...sharedOptions,
});
export type ScaffoldServerOptions = z.infer<typeof ScaffoldServerOptions>;

export const face = {
  name: "scaffold-server",
  title: "SCAFFOLD's server",
  paper:
    "Karimireddy, Kale, Mohri, Reddi, Stich, Suresh: SCAFFOLD: Stochastic Controlled Averaging for Federated Learning, ICML 2020",
  options: ScaffoldServerOptions,
  needsTraining: "scaffold",
  problems: (spec: SpecFacts) => pairProblems(spec, scaffoldPair),
} as const satisfies Face;
