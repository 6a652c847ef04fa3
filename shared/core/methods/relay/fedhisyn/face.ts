// FedHiSyn as a spec names it.
import * as z from "zod";
import type { Face } from "../../face.ts";
import { sharedOptions } from "../sharedOptions.ts";

export const FedhisynOptions = z.strictObject({
  strategy: z
    .literal("fedhisyn")
    .describe(
      "Groups of clients that are about as fast, the slower they are the smaller, so that all groups end at about the same time.",
    ),
  classes: z
    .number()
    .int()
    .min(1)
    .max(10)
    .default(3)
    .describe("Classes of speed, by k-means over how long clients' work takes on average."),
  ...sharedOptions,
});
export type FedhisynOptions = z.infer<typeof FedhisynOptions>;

export const face = {
  name: "fedhisyn",
  title: "FedHiSyn",
  paper:
    "Li, Hu, Zhang, Liu, Yin, Peng, Dou: FedHiSyn: A Hierarchical Synchronous Federated Learning Framework for Resource and Data Heterogeneity, ICPP 2022",
  options: FedhisynOptions,
} as const satisfies Face;
