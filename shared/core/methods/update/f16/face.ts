// 16-bit values as a spec names them.
import * as z from "zod";
import type { Face } from "../../face.ts";

export const face = {
  name: "f16",
  title: "16-bit values",
  paper: null,
  options: z.strictObject({
    encoding: z
      .literal("f16")
      .describe("Every value in 16 bits: half the bytes, three decimal digits, values from 6e-8 to 65,504."),
  }),
} as const satisfies Face;
