// Samples that an owner's code has made, checked before anything relies on them.
import type { Dataset } from "../../core/ports/trainer.ts";
import { elementCount } from "../../core/updates/safetensors.ts";
import type { Boundary } from "./boundary.ts";
import type { NumberArray, Samples } from "./client.ts";

const MAX_DIMENSIONS = 8;
const MAX_SIZE = 2 ** 31;

/** @throws FlError("failed-precondition") that says what is wrong and where, without any of the values */
export function checkedSamples(samples: Samples, boundary: Boundary): Dataset {
  const data = {
    x: checkedArray("x", samples?.x, boundary),
    y: checkedArray("y", samples?.y, boundary),
  };
  const [ofX, ofY] = [data.x.shape[0] ?? 0, data.y.shape[0] ?? 0];
  if (ofX !== ofY) throw boundary.wrong(`gave ${ofX} samples x and ${ofY} labels y`);
  if (ofX === 0) throw boundary.wrong("gave no samples");
  return data;
}

export function isShape(shape: unknown): shape is readonly number[] {
  return (
    Array.isArray(shape) &&
    shape.length <= MAX_DIMENSIONS &&
    shape.every((size) => Number.isInteger(size) && size >= 0 && size < MAX_SIZE) &&
    shape.reduce((product, size) => product * size, 1) <= Number.MAX_SAFE_INTEGER
  );
}

function checkedArray(name: "x" | "y", array: NumberArray | undefined, boundary: Boundary): Dataset["x"] {
  const { shape, values } = Object(array) as Partial<NumberArray>;
  if (!isShape(shape) || shape.length === 0) {
    throw boundary.wrong(`gave ${name} without a shape: a list of sizes, the number of samples first`);
  }
  if (typeof values !== "object" || values === null || !Number.isInteger(values.length)) {
    throw boundary.wrong(`gave ${name} without values`);
  }
  if (values.length !== elementCount(shape)) {
    throw boundary.wrong(
      `gave ${name} of shape [${shape}] with ${values.length} values, not ${elementCount(shape)}`,
    );
  }
  const floats = values instanceof Float32Array ? values : floatsOf(values);
  const bad = firstBad(floats);
  if (bad !== -1) {
    const row = Math.floor(bad / Math.max(1, elementCount(shape.slice(1))));
    throw boundary.wrong(
      `gave ${name} with a value in row ${row}, counted from 0, that is no finite float32`,
    );
  }
  return { shape: [...shape], values: floats };
}

/** What is no number becomes NaN. */
export function floatsOf(values: ArrayLike<unknown>): Float32Array {
  const floats = new Float32Array(values.length);
  for (let i = 0; i < floats.length; i++) {
    const value = values[i];
    floats[i] = typeof value === "number" || typeof value === "bigint" ? Number(value) : Number.NaN;
  }
  return floats;
}

/** The place of the first value that is not finite; -1 where all are. */
export function firstBad(values: Float32Array): number {
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? 0;
    // Infinity less itself is NaN, too.
    if (value - value !== 0) return i;
  }
  return -1;
}
