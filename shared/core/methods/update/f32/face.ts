// 32-bit values as a spec names them.
import * as z from "zod";
import type { Face } from "../../face.ts";

export const face = {
  name: "f32",
  title: "32-bit values",
  paper: null,
  options: z.strictObject({
    encoding: z.literal("f32").describe("Every value as it is, in 32 bits: lossless."),
  }),
} as const satisfies Face;
