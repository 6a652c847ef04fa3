// FedYogi as a spec names it.
import * as z from "zod";
import type { Face } from "../../face.ts";
import { adaptiveOptions } from "../adaptiveOptions.ts";
import { sharedOptions } from "../sharedOptions.ts";

export const FedyogiOptions = z.strictObject({
  strategy: z.literal("fedyogi").describe("The average step as the gradient of the server's Yogi."),
  ...adaptiveOptions,
  ...sharedOptions,
});
export type FedyogiOptions = z.infer<typeof FedyogiOptions>;

export const face = {
  name: "fedyogi",
  title: "FedYogi",
  paper:
    "Reddi, Charles, Zaheer, Garrett, Rush, Konečný, Kumar, McMahan: Adaptive Federated Optimization, ICLR 2021",
  options: FedyogiOptions,
} as const satisfies Face;
