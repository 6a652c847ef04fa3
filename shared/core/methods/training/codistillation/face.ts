// Codistillation as a spec names it.
import * as z from "zod";
import { GroupName } from "../../../schemas/ids.ts";
import type { Face, SpecFacts, SpecProblem } from "../../face.ts";
import { localProblems } from "../pairedOptions.ts";
import { sharedOptions } from "../sharedOptions.ts";

/** Runs that teach another one at most: each is one more model that its clients download and hold. */
export const MAX_TEACHERS = 4;

export const CodistillationOptions = z.strictObject({
  method: z
    .literal("codistillation")
    .describe(
      "Clients also learn to predict what the last versions of the other runs of a group predict (codistillation). All runs of the group show their models to each other's clients.",
    ),
  ...sharedOptions,
  group: GroupName.describe(
    `Runs of one group teach each other: ${MAX_TEACHERS + 1} at most, with the same model and loss. To name it is to agree that their clients get this run's versions.`,
  ),
  weight: z
    .number()
    .min(0)
    .max(100)
    .default(1)
    .describe(
      "The paper's λ: weight of the cross-entropy with the mean of the others' predictions, beside that with the labels. With 0 the run trains as with fedprox, and teaches the others all the same.",
    ),
  burnInRounds: z
    .number()
    .int()
    .min(0)
    .max(9_999)
    .default(2)
    .describe("Rounds of this run, from its first, in which it learns from its labels alone."),
  refreshRounds: z
    .number()
    .int()
    .min(1)
    .max(9_999)
    .default(1)
    .describe("After so many rounds the others' newest versions take the place of those it learned from."),
});
export type CodistillationOptions = z.infer<typeof CodistillationOptions>;

/** Losses by which a model predicts a distribution over classes, or a probability for each output. */
const DISTRIBUTIONS: readonly unknown[] = [
  "sparseCategoricalCrossentropy",
  "categoricalCrossentropy",
  "binaryCrossentropy",
];

export const face = {
  name: "codistillation",
  title: "Codistillation",
  paper:
    "Anil, Pereyra, Passos, Ormandi, Dahl, Hinton: Large Scale Distributed Neural Network Training through Online Distillation, ICLR 2018",
  options: CodistillationOptions,
  needsTopology: true,
  problems: (spec: SpecFacts) => [...localProblems(spec), ...lossProblems(spec)],
} as const satisfies Face;

function lossProblems({ training }: SpecFacts): readonly SpecProblem[] {
  if (DISTRIBUTIONS.includes(training["loss"])) return [];
  const message = `must be ${DISTRIBUTIONS.join(", ")} for training.method codistillation: runs agree on probabilities, and others have none`;
  return [{ path: ["training", "loss"], message }];
}
