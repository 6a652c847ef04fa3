// FedDyn's server behind a bound of what an update may weigh, as a spec names it.
import * as z from "zod";
import { MAX_REMEMBERED } from "../../../schemas/ids.ts";
import type { Face, SpecFacts } from "../../face.ts";
import { feddynPair, pairProblems } from "../../training/pairedOptions.ts";
import { sharedOptions } from "../sharedOptions.ts";
import { Staleness } from "../staleness.ts";

export const FeddynBoundedOptions = z.strictObject({
  strategy: z
    .literal("feddyn-bounded")
    .describe(
      "As feddyn-server, of updates each of which counts the less the longer it is beyond the median of the last ones' L2 norms.",
    ),
  remember: z
    .number()
    .int()
    .min(0)
    .max(MAX_REMEMBERED)
    .default(25)
    .describe(
      "Updates before those of the round whose norms are in that median, so that a version of few updates, most of them bad, cannot raise it; 0 takes the round's alone.",
    ),
  ...sharedOptions,
  staleness: Staleness.default({ weight: "polynomial", exponent: 0.5, maxRounds: 50 }).describe(
    "Weight of a late update; one older than maxRounds rounds expires.",
  ),
});
export type FeddynBoundedOptions = z.infer<typeof FeddynBoundedOptions>;

export const face = {
  name: "feddyn-bounded",
  title: "FedDyn's server, bounded",
  paper:
    "Acar, Zhao, Matas Navarro, Mattina, Whatmough, Saligrama: Federated Learning Based on Dynamic Regularization, ICLR 2021; Sun, Kairouz, Suresh, McMahan: Can You Really Backdoor Federated Learning?, 2019",
  options: FeddynBoundedOptions,
  needsWhole: true,
  needsTraining: "feddyn",
  remembersNorms: (options: { readonly strategy: string }) => FeddynBoundedOptions.parse(options).remember,
  problems: (spec: SpecFacts) => pairProblems(spec, feddynPair),
} as const satisfies Face;
