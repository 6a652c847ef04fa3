// FedDyn as a spec names it.
import * as z from "zod";
import type { Face, SpecFacts } from "../../face.ts";
import { feddynPair, localProblems, pairProblems, recovery } from "../pairedOptions.ts";
import { sharedOptions } from "../sharedOptions.ts";

export const FeddynOptions = z.strictObject({
  method: z
    .literal("feddyn")
    .describe(
      "Each client's loss is bent so that all have their optimum where the clients' common one is (FedDyn); with aggregation.strategy feddyn-server or feddyn-bounded.",
    ),
  ...sharedOptions,
  alpha: z
    .number()
    .positive()
    .max(1_000)
    .default(0.1)
    .describe(
      "The paper's α, how strongly a client is held to the model it was given: 0.001 to 0.1 are tried first.",
    ),
  recovery,
});
export type FeddynOptions = z.infer<typeof FeddynOptions>;

export const face = {
  name: "feddyn",
  title: "FedDyn",
  paper:
    "Acar, Zhao, Matas Navarro, Mattina, Whatmough, Saligrama: Federated Learning Based on Dynamic Regularization, ICLR 2021",
  options: FeddynOptions,
  keepsState: true,
  problems: (spec: SpecFacts) => [...pairProblems(spec, feddynPair), ...localProblems(spec)],
} as const satisfies Face;
