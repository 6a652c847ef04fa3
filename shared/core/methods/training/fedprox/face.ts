// FedProx as a spec names it.
import * as z from "zod";
import type { Face } from "../../face.ts";
import { sharedOptions } from "../sharedOptions.ts";

export const FedproxOptions = z.strictObject({
  method: z
    .literal("fedprox")
    .default("fedprox")
    .describe("Local training, pulled back to the model it started from where `proximalMu` is above 0."),
  ...sharedOptions,
  proximalMu: z
    .number()
    .min(0)
    .max(1_000)
    .default(0)
    .describe(
      "FedProx: weight of ‖w − w_global‖² ÷ 2 in the loss, which pulls training back to the model it started from. 0 is plain training.",
    ),
});
export type FedproxOptions = z.infer<typeof FedproxOptions>;

export const face = {
  name: "fedprox",
  title: "FedProx",
  paper:
    "Li, Sahu, Zaheer, Sanjabi, Talwalkar, Smith: Federated Optimization in Heterogeneous Networks, MLSys 2020",
  options: FedproxOptions,
} as const satisfies Face;
