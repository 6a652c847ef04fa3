// Parts of a model: a box of each of some of its parameters. Updates that have a part of the parameters only
// are cut to them.
import { FlError } from "../errors.ts";
import { elementCount, quoteName, showShape } from "./safetensors.ts";
import { isSameShape, type ModelShape, sentParameters, type Weight, type Weights } from "./weights.ts";

/** A box of a parameter. */
export interface ParameterBox {
  readonly name: string;
  /** The first index on each axis. */
  readonly at: readonly number[];
  /** The size on each axis, at least 1; 0 only of an axis that has none. */
  readonly shape: readonly number[];
}

/** A box of each parameter that an update has something of, in any order; it has nothing of the others. */
export type Covers = readonly ParameterBox[];

/**
 * The parameters that an update of these parts holds, in the model's order, each with the shape of its box.
 *
 * @throws FlError("invalid-argument") for a box that does not fit the model, and where nothing is covered.
 */
export function coveredShape(model: ModelShape, covers: Covers): ModelShape {
  const boxes = boxesOf(model, covers);
  return sentParameters(model).flatMap((parameter) => {
    const box = boxes.get(parameter.name);
    return box === undefined ? [] : [{ ...parameter, shape: box.shape }];
  });
}

/**
 * The parts of a delta, in its order; a parameter that is covered whole shares its memory.
 *
 * @param model of the whole. @throws as `coveredShape` does.
 */
export function cutToCovers(delta: Weights, model: ModelShape, covers: Covers): Weights {
  const boxes = boxesOf(model, covers);
  return delta.flatMap((weight) => {
    const box = boxes.get(weight.name);
    return box === undefined ? [] : [isWhole(box, weight.shape) ? weight : cut(weight, box)];
  });
}

/** The parts where they belong: a delta of the boxes' shapes, with the place of each that is not the whole of its parameter. */
export function placedAt(parts: Weights, model: ModelShape, covers: Covers): Weights {
  const boxes = boxesOf(model, covers);
  const shapes = new Map(model.map(({ name, shape }) => [name, shape]));
  return parts.map((part) => {
    const box = boxes.get(part.name);
    if (box === undefined || isWhole(box, shapes.get(part.name) ?? [])) return part;
    return { ...part, at: box.at };
  });
}

function boxesOf(model: ModelShape, covers: Covers): ReadonlyMap<string, ParameterBox> {
  const boxes = new Map(covers.map((box) => [box.name, box]));
  if (boxes.size === 0) throw invalid("An update has to cover a part of at least one parameter.");
  if (boxes.size < covers.length) throw invalid("The parts of an update name a parameter twice.");
  const sent = new Map(sentParameters(model).map(({ name, shape }) => [name, shape]));
  for (const { name, at, shape } of covers) {
    const whole = sent.get(name);
    if (whole === undefined) throw invalid(`Updates of the model have no tensor ${quoteName(name)}.`);
    if (fits(at, shape, whole)) continue;
    throw invalid(
      `A box of the shape ${showShape(shape)} at ${showShape(at)} is not within ${quoteName(name)}, which has the shape ${showShape(whole)}.`,
    );
  }
  return boxes;
}

function fits(at: readonly number[], shape: readonly number[], whole: readonly number[]): boolean {
  return (
    at.length === whole.length &&
    shape.length === whole.length &&
    whole.every((length, axis) => {
      const [from = -1, size = -1] = [at[axis], shape[axis]];
      return (
        Number.isInteger(from) &&
        Number.isInteger(size) &&
        from >= 0 &&
        size >= Math.min(1, length) &&
        from + size <= length
      );
    })
  );
}

function isWhole({ shape }: ParameterBox, whole: readonly number[]): boolean {
  return isSameShape(shape, whole);
}

/** A copy of the box, row by row. */
function cut({ name, shape: whole, values }: Weight, { at, shape }: ParameterBox): Weight {
  const part = new Float32Array(elementCount(shape));
  const rowLength = shape.at(-1) ?? 1;
  for (let to = 0; to < part.length; to += rowLength) {
    const from = boxOffset(to / rowLength, shape, at, whole);
    part.set(values.subarray(from, from + rowLength), to);
  }
  return { name, shape, values: part };
}

/** Where in a row-major array of shape `whole` the `row`-th row of the box of shape `box` at `at` begins. */
export function boxOffset(
  row: number,
  box: readonly number[],
  at: readonly number[],
  whole: readonly number[],
): number {
  const last = whole.length - 1;
  let rest = row;
  let offset = at[last] ?? 0;
  let stride = whole[last] ?? 1;
  for (let axis = last - 1; axis >= 0; axis--) {
    const size = box[axis] ?? 1;
    offset += ((at[axis] ?? 0) + (rest % size)) * stride;
    rest = Math.floor(rest / size);
    stride *= whole[axis] ?? 1;
  }
  return offset;
}

function invalid(message: string): FlError {
  return new FlError("invalid-argument", message);
}
