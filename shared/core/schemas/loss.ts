// The losses that local training knows, by their Keras names.
import * as z from "zod";

export const Loss = z.enum([
  "sparseCategoricalCrossentropy",
  "categoricalCrossentropy",
  "binaryCrossentropy",
  "meanSquaredError",
]);
export type Loss = z.infer<typeof Loss>;
