// FedAdam as a spec names it.
import * as z from "zod";
import type { Face } from "../../face.ts";
import { adaptiveOptions } from "../adaptiveOptions.ts";
import { sharedOptions } from "../sharedOptions.ts";

export const FedadamOptions = z.strictObject({
  strategy: z.literal("fedadam").describe("The average step as the gradient of the server's Adam."),
  ...adaptiveOptions,
  ...sharedOptions,
});
export type FedadamOptions = z.infer<typeof FedadamOptions>;

export const face = {
  name: "fedadam",
  title: "FedAdam",
  paper:
    "Reddi, Charles, Zaheer, Garrett, Rush, Konečný, Kumar, McMahan: Adaptive Federated Optimization, ICLR 2021",
  options: FedadamOptions,
} as const satisfies Face;
