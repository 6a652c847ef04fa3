// What the zip files of models can hold.
import { FlError } from "../../../../shared/core/errors.ts";
import type { Weights } from "../../../../shared/core/updates/weights.ts";

/** Beside the weights such a file is held in memory whole, up to three times; a zip ends at 4 GiB. */
const MAX_BYTES = 2 ** 30;

/** Throws `failed-precondition` for weights that are too large for the format. */
export function withinZip(format: string, weights: Weights): void {
  const bytes = weights.reduce((sum, { values }) => sum + values.byteLength, 0);
  if (bytes <= MAX_BYTES) return;
  throw new FlError(
    "failed-precondition",
    `The model has ${(bytes / 2 ** 30).toFixed(1)} GiB of weights, and --format ${format} holds 1 GiB: take --format safetensors.`,
  );
}
