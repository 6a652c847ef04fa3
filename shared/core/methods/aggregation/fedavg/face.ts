// FedAvg as a spec names it.
import * as z from "zod";
import type { Face } from "../../face.ts";
import { sharedOptions } from "../sharedOptions.ts";

export const FedavgOptions = z.strictObject({
  strategy: z.literal("fedavg").default("fedavg").describe("The average step, weighted by samples."),
  ...sharedOptions,
});
export type FedavgOptions = z.infer<typeof FedavgOptions>;

export const face = {
  name: "fedavg",
  title: "FedAvg",
  paper:
    "McMahan, Moore, Ramage, Hampson, Agüera y Arcas: Communication-Efficient Learning of Deep Networks from Decentralized Data, AISTATS 2017",
  options: FedavgOptions,
} as const satisfies Face;
