// Astraea's mediators as a spec names them.
import * as z from "zod";
import type { Face, SpecFacts } from "../../face.ts";
import { sharedOptions } from "../sharedOptions.ts";

export const AstraeaOptions = z.strictObject({
  strategy: z
    .literal("astraea")
    .describe(
      "Groups whose labels together come as near as can be to those of all, as Astraea's mediators. It asks clients how many of their samples have each label, which tells something of their data: a client answers only where its owner set MAX_LABEL_COUNTS. Those without an answer are spread over the groups by chance.",
    ),
  ...sharedOptions,
});
export type AstraeaOptions = z.infer<typeof AstraeaOptions>;

export const face = {
  name: "astraea",
  title: "Astraea",
  paper:
    "Duan, Liu, Chen, Liu, Tan, Liang: Self-Balancing Federated Learning With Global Imbalanced Data in Mobile Systems, IEEE TPDS 2021",
  options: AstraeaOptions,
  asksLabels: () => true,
  problems({ training }: SpecFacts) {
    if (training["loss"] === "sparseCategoricalCrossentropy") return [];
    const message =
      "astraea needs labels that are class numbers: set training.loss to sparseCategoricalCrossentropy, or use the strategy chain";
    return [{ path: ["round", "relay", "strategy"], message }];
  },
} as const satisfies Face;
