// 8-bit values as a spec names them.
import * as z from "zod";
import type { Face } from "../../face.ts";

export const face = {
  name: "int8",
  title: "8-bit values, rounded by chance",
  paper:
    "Alistarh, Grubic, Li, Tomioka, Vojnovic: QSGD: Communication-Efficient SGD via Gradient Quantization, NIPS 2017",
  options: z.strictObject({
    encoding: z
      .literal("int8")
      .describe(
        "Every value in 8 bits, as a share of the largest of its tensor, rounded by chance so that the mean is kept: a quarter of the bytes.",
      ),
  }),
} as const satisfies Face;
