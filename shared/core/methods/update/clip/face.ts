// Clipping by the client as a spec names it.
import * as z from "zod";
import type { Face } from "../../face.ts";

export const ClipOptions = z.strictObject({
  transform: z.literal("clip").describe("The client shortens its update to a norm before it sends it."),
  maxNorm: z
    .number()
    .positive()
    .max(1e30)
    .describe("The largest L2 norm of an update; a longer one is shortened to it and keeps its direction."),
});
export type ClipOptions = z.infer<typeof ClipOptions>;

export const face = {
  name: "clip",
  title: "Clipping by the client",
  paper:
    "McMahan, Ramage, Talwar, Zhang: Learning Differentially Private Recurrent Language Models, ICLR 2018",
  options: ClipOptions,
} as const satisfies Face;
