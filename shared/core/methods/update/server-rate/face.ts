// The server's learning rate as a spec names it.
import * as z from "zod";
import type { Face } from "../../face.ts";

export const ServerRateOptions = z.strictObject({
  transform: z
    .literal("server-rate")
    .describe("The aggregate of the updates is multiplied by a rate before it moves the model."),
  rate: z
    .number()
    .positive()
    .max(1_000)
    .describe("The server's learning rate: 1 is the plain aggregate, less is a smaller step."),
});
export type ServerRateOptions = z.infer<typeof ServerRateOptions>;

export const face = {
  name: "server-rate",
  title: "Server learning rate",
  paper:
    "Reddi, Charles, Zaheer, Garrett, Rush, Konečný, Kumar, McMahan: Adaptive Federated Optimization, ICLR 2021",
  options: ServerRateOptions,
} as const satisfies Face;
