// Brings a data set into the shape that a model and a loss take, where only one reading of it is possible:
// dimensions of 1 that are there or missing, and classes as numbers or one-hot. Anything else is refused with
// the shape to write.
import { FlError } from "../../core/errors.ts";
import type { Dataset } from "../../core/ports/trainer.ts";
import { hasAccuracy } from "../../core/schemas/metric.ts";
import { elementCount } from "../../core/updates/safetensors.ts";
import type { LossName } from "./losses.ts";

type Part = Dataset["y"];

export interface FittedLabels extends Part {
  /**
   * The number of classes, where the values are class numbers and the loss takes one-hot labels. Each batch
   * is encoded when its turn comes.
   */
  readonly oneHot?: number;
}

export interface FittedData extends Dataset {
  readonly y: FittedLabels;
}

/** Of one sample; null where any size will do. */
type Wanted = readonly (number | null)[];

export interface DataShapes {
  readonly inputShape: Wanted;
  readonly outputShape: Wanted;
}

/**
 * The data as `loss` takes it for a model of these shapes; values are shared where nothing has to change.
 *
 * @throws FlError("invalid-argument") for samples or labels that can be read in no way, or in more than one.
 */
export function fitData(
  { x, y }: Dataset,
  { inputShape, outputShape }: DataShapes,
  loss: LossName,
): FittedData {
  const samples = reshaped(x, inputShape);
  if (samples === undefined) {
    throw invalid(
      `The samples x have the shape ${show(x.shape)}, this model takes ${showWanted(x, inputShape)}`,
    );
  }
  return { x: samples, y: fitLabels(y, outputShape, loss) };
}

function fitLabels(y: Part, outputShape: Wanted, loss: LossName): FittedLabels {
  const positions = outputShape.slice(0, -1);
  const classes = outputShape.at(-1) ?? null;
  if (loss === "sparseCategoricalCrossentropy") {
    const numbers = reshaped(y, positions) ?? classNumbers(y, positions, classes);
    if (numbers === undefined) {
      const what = `class numbers 0 to ${classes === null ? "classes − 1" : classes - 1} as int32, int64 or uint8`;
      throw wrongLabels(y, positions, loss, `write ${what}, or one-hot with the classes last`);
    }
    return checkClasses(numbers, classes);
  }
  if (loss === "categoricalCrossentropy" || loss === "kullbackLeiblerDivergence") {
    if (isShape(y.shape.slice(1), outputShape)) return y;
    const numbers = classes === null || classes < 2 ? undefined : reshaped(y, positions);
    if (numbers !== undefined && classes !== null)
      return { ...checkClasses(numbers, classes), oneHot: classes };
    const fitting = reshaped(y, outputShape);
    if (fitting !== undefined) return fitting;
    throw wrongLabels(y, outputShape, loss, "write one-hot labels as uint8 or float32, or class numbers");
  }
  const fitting = reshaped(y, outputShape);
  if (!hasAccuracy(loss)) {
    if (fitting === undefined) {
      throw wrongLabels(y, outputShape, loss, "write one number for each of the model's outputs as float32");
    }
    return loss === "poisson"
      ? checkEach(fitting, (label) => label >= 0, "numbers from 0, as poisson takes them")
      : fitting;
  }
  if (fitting === undefined) {
    throw wrongLabels(
      y,
      outputShape,
      loss,
      "write a 0 or 1 for each of the model's outputs as uint8, bool or float32",
    );
  }
  if (loss === "hinge") return signs(fitting);
  return checkEach(
    fitting,
    (label) => label >= 0 && label <= 1,
    "numbers from 0 to 1, as binaryCrossentropy takes them",
  );
}

/** Labels of 0 and 1 as the -1 and 1 that hinge takes; as in Keras, those of -1 and 1 stay. */
function signs(labels: Part): Part {
  const [low, high] = labels.values.some((label) => label < 0) ? [-1, 1] : [0, 1];
  checkEach(labels, (label) => label === low || label === high, "-1 or 1, or 0 or 1, as hinge takes them");
  if (low === -1) return labels;
  return { shape: labels.shape, values: labels.values.map((label) => 2 * label - 1) };
}

/**
 * The same values in the wanted shape, which may differ from theirs in dimensions of 1 only; undefined where
 * it cannot be.
 */
function reshaped(part: Part, wanted: Wanted): Part | undefined {
  const [samples = 0, ...given] = part.shape;
  if (isShape(given, wanted)) return part;
  const sizes = given.filter((size) => size !== 1);
  if (
    !isShape(
      sizes,
      wanted.filter((size) => size !== 1),
    )
  )
    return undefined;
  return {
    shape: [samples, ...wanted.map((size) => (size === 1 ? 1 : (sizes.shift() ?? 1)))],
    values: part.values,
  };
}

/** One-hot labels as class numbers; undefined for another shape. */
function classNumbers(y: Part, positions: Wanted, classes: number | null): Part | undefined {
  if (classes === null || classes < 2 || !isShape(y.shape.slice(1), [...positions, classes]))
    return undefined;
  const rows = y.values.length / classes;
  const values = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    let ones = 0;
    for (let number = 0; number < classes; number++) {
      const value = y.values[row * classes + number];
      if (value === 1) {
        ones += 1;
        values[row] = number;
      } else if (value !== 0) ones = Number.POSITIVE_INFINITY;
    }
    if (ones === 1) continue;
    throw invalid(
      `The labels y have the shape ${show(y.shape)}, but row ${row} of them is not one-hot, a single 1 among zeros: write class ` +
        "numbers, or use categoricalCrossentropy for probabilities and binaryCrossentropy for several classes at once",
    );
  }
  return { shape: y.shape.slice(0, -1), values };
}

/** Class numbers as rows of `classes` values, a 1 among zeros. */
export function oneHot(numbers: Float32Array, classes: number): Float32Array {
  const rows = new Float32Array(numbers.length * classes);
  for (let row = 0; row < numbers.length; row++) rows[row * classes + (numbers[row] ?? 0)] = 1;
  return rows;
}

function checkClasses(labels: Part, classes: number | null): Part {
  const most = classes ?? Number.POSITIVE_INFINITY;
  return checkEach(
    labels,
    (label) => Number.isInteger(label) && label >= 0 && label < most,
    `whole numbers in 0..${most - 1}, the model's classes`,
  );
}

/** Reports how many and where, never the values: labels are private data. */
function checkEach(labels: Part, fits: (label: number) => boolean, what: string): Part {
  const { values } = labels;
  let [first, count] = [-1, 0];
  for (let i = 0; i < values.length; i++) {
    if (fits(values[i] ?? Number.NaN)) continue;
    if (first === -1) first = i;
    count++;
  }
  if (first === -1) return labels;
  const row = Math.floor(first / Math.max(1, elementCount(labels.shape.slice(1))));
  throw invalid(`${count} of the labels y are not ${what}; the first is in row ${row}, counted from 0`);
}

function isShape(given: readonly number[], wanted: Wanted): boolean {
  return given.length === wanted.length && wanted.every((size, i) => size === null || size === given[i]);
}

function wrongLabels(y: Part, wanted: Wanted, loss: LossName, remedy: string): FlError {
  return invalid(
    `The labels y have the shape ${show(y.shape)}, this model with ${loss} takes ${showWanted(y, wanted)}: ${remedy}`,
  );
}

function showWanted({ shape }: Part, wanted: Wanted): string {
  return show([shape[0] ?? 0, ...wanted.map((size) => size ?? "any")]);
}

function show(shape: readonly (number | string)[]): string {
  return `[${shape.join(", ")}]`;
}

function invalid(what: string): FlError {
  return new FlError("invalid-argument", `${what}.`, { reason: "data-misfit" });
}
