// SCAFFOLD as a spec names it.
import * as z from "zod";
import type { Face, SpecFacts, SpecProblem } from "../../face.ts";
import { OptimizerSpec } from "../optimizerOptions.ts";
import { localProblems, pairProblems, recovery, scaffoldPair } from "../pairedOptions.ts";
import { sharedOptions } from "../sharedOptions.ts";

export const ScaffoldOptions = z.strictObject({
  method: z
    .literal("scaffold")
    .describe(
      "Each step is corrected by how the client's gradients differ from those of all clients (SCAFFOLD); with aggregation.strategy scaffold-server.",
    ),
  ...sharedOptions,
  optimizer: OptimizerSpec.default({ name: "sgd", learningRate: 0.01 }).describe(
    "Plain steps only (sgd): what a client keeps is its mean gradient, which follows from them.",
  ),
  recovery,
});
export type ScaffoldOptions = z.infer<typeof ScaffoldOptions>;

export const face = {
  name: "scaffold",
  title: "SCAFFOLD",
  paper:
    "Karimireddy, Kale, Mohri, Reddi, Stich, Suresh: SCAFFOLD: Stochastic Controlled Averaging for Federated Learning, ICML 2020",
  options: ScaffoldOptions,
  keepsState: true,
  problems: (spec: SpecFacts) => [
    ...pairProblems(spec, scaffoldPair),
    ...localProblems(spec),
    ...optimizerProblems(ScaffoldOptions.parse(spec.training)),
  ],
} as const satisfies Face;

function optimizerProblems({ optimizer }: ScaffoldOptions): readonly SpecProblem[] {
  const path = ["training", "optimizer"];
  const why = "a client's mean gradient must follow from how far its steps went";
  return [
    ...(optimizer.name === "sgd"
      ? []
      : [{ path: [...path, "name"], message: `must be sgd for training.method scaffold: ${why}` }]),
    ...(optimizer.globalClipNorm === undefined
      ? []
      : [
          {
            path: [...path, "globalClipNorm"],
            message: `cannot be had with training.method scaffold: ${why}`,
          },
        ]),
  ];
}
