// The losses that local training knows, by their Keras names.
import * as z from "zod";

export const Loss = z.enum([
  "sparseCategoricalCrossentropy",
  "categoricalCrossentropy",
  "binaryCrossentropy",
  "meanSquaredError",
  "meanAbsoluteError",
  "huber",
  "hinge",
  "kullbackLeiblerDivergence",
  "poisson",
]);
export type Loss = z.infer<typeof Loss>;

/** Other names that Keras has for them, in small letters without underscores. */
const ALIASES: ReadonlyMap<string, Loss> = new Map([
  ["mse", "meanSquaredError"],
  ["mae", "meanAbsoluteError"],
  ["huberloss", "huber"],
  ["kld", "kullbackLeiblerDivergence"],
  ["kldivergence", "kullbackLeiblerDivergence"],
  ...Loss.options.map((name) => [name.toLowerCase(), name] as const),
]);

/** A loss in any of the ways that Keras writes it: meanSquaredError, mean_squared_error, MeanSquaredError, mse. */
export function writtenLoss(written: unknown): unknown {
  if (typeof written !== "string") return written;
  return ALIASES.get(written.replaceAll("_", "").toLowerCase()) ?? written;
}
