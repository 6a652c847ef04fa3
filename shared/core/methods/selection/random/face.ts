// Uniform selection as a spec names it.
import * as z from "zod";
import type { Face } from "../../face.ts";
import { cohortOptions } from "../cohortOptions.ts";

export const RandomOptions = z.strictObject({
  strategy: z.literal("random").describe("Every free client is as likely as any other."),
  ...cohortOptions,
});
export type RandomOptions = z.infer<typeof RandomOptions>;

export const face = {
  name: "random",
  title: "Uniform selection",
  paper:
    "McMahan, Moore, Ramage, Hampson, Agüera y Arcas: Communication-Efficient Learning of Deep Networks from Decentralized Data, AISTATS 2017",
  options: RandomOptions,
} as const satisfies Face;
