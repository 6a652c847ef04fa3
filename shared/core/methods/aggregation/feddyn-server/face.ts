// The server of FedDyn as a spec names it.
import * as z from "zod";
import type { Face, SpecFacts } from "../../face.ts";
import { feddynPair, pairProblems } from "../../training/pairedOptions.ts";
import { sharedOptions } from "../sharedOptions.ts";

export const FeddynServerOptions = z.strictObject({
  strategy: z
    .literal("feddyn-server")
    .describe(
      "The mean of the models, all clients alike, moved by the mean of what clients of training.method feddyn keep.",
    ),
  ...sharedOptions,
});
export type FeddynServerOptions = z.infer<typeof FeddynServerOptions>;

export const face = {
  name: "feddyn-server",
  title: "FedDyn's server",
  paper:
    "Acar, Zhao, Matas Navarro, Mattina, Whatmough, Saligrama: Federated Learning Based on Dynamic Regularization, ICLR 2021",
  options: FeddynServerOptions,
  needsTraining: "feddyn",
  problems: (spec: SpecFacts) => pairProblems(spec, feddynPair),
} as const satisfies Face;
