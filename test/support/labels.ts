// Labels to spread over clients: drawn ones, and those of a balanced data set.
import fc from "fast-check";

/** Classes 0 to 9, and samples without a label. */
export const anyLabels = fc
  .array(fc.oneof({ weight: 12, arbitrary: fc.integer({ min: 0, max: 9 }) }, fc.constant(Number.NaN)), {
    minLength: 1,
    maxLength: 300,
  })
  .map((labels) => Float64Array.from(labels));

/** 10 classes of 200 samples each, in order. */
export const balanced = Uint8Array.from({ length: 2_000 }, (_, i) => Math.floor(i / 200));

/** The classes of a client's samples. */
export function classesOf(labels: ArrayLike<number>, places: readonly number[]): ReadonlySet<number> {
  return new Set(places.map((place) => labels[place] ?? -1));
}
