// Random chains as a spec names them.
import * as z from "zod";
import type { Face } from "../../face.ts";
import { sharedOptions } from "../sharedOptions.ts";

export const ChainOptions = z.strictObject({
  strategy: z.literal("chain").describe("Random groups, each in random order."),
  ...sharedOptions,
});
export type ChainOptions = z.infer<typeof ChainOptions>;

export const face = {
  name: "chain",
  title: "Chains of clients",
  paper: null,
  options: ChainOptions,
} as const satisfies Face;
