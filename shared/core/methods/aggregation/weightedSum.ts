// The weighted sum of updates, some of which may cover a part of the parameters only: each coordinate is
// averaged over the updates that have it.
import { FlError } from "../../errors.ts";
import { createSums } from "../../sums/createSums.ts";
import type { Sums } from "../../sums/sums.ts";
import { boxOffset } from "../../updates/covers.ts";
import type { FlatLayout, FlatSegment } from "../../updates/flat.ts";
import { elementCount, quoteName, showShape } from "../../updates/safetensors.ts";
import { isSameShape, type Weight, type Weights } from "../../updates/weights.ts";

/** What the coordinates of an aggregate are, once all updates are in. */
export interface Aggregate {
  /**
   * The aggregate of one parameter, to be used before the next is asked for; may be written over. A
   * coordinate that no update has is `otherwise`'s.
   */
  of(segment: FlatSegment, otherwise: (index: number) => number): Float64Array;
  /**
   * Adds the aggregate of one parameter to `values`, as long as the segment: the same as `of` with 0 for a
   * coordinate that no update has, and may take one pass where that takes two. Absent where it would not.
   */
  addTo?(segment: FlatSegment, values: Float32Array): void;
}

/** Sums of 8 bytes a parameter, and as much again for a parameter of which some update has a part only. */
export class WeightedSum implements Aggregate {
  readonly #sums: Sums;
  readonly #byName: ReadonlyMap<string, FlatSegment>;
  /** The weights of the updates that have all of a parameter. */
  readonly #whole = new Map<string, number>();
  /** Of each coordinate, the weights of those that have it and not all of its parameter. */
  readonly #partial = new Map<string, Float64Array>();

  constructor(layout: FlatLayout) {
    this.#sums = createSums(layout.count);
    this.#byName = new Map(layout.segments.map((segment) => [segment.name, segment]));
  }

  /**
   * Memory for files to be read into, `sizeBytes` long, at a multiple of eight: what lies in it is added
   * without a copy. The next call ends the use of what an earlier one gave.
   */
  room(sizeBytes: number): Uint8Array<ArrayBuffer> {
    return this.#sums.room(sizeBytes);
  }

  /**
   * Adds an update. O(its values).
   *
   * @param weight above 0: what it counts for.
   * @param scale in (0, 1]: what the values of trained parameters count times.
   * @throws FlError("invalid-argument"), with the sums unchanged, for a tensor that does not fit.
   */
  add(delta: Weights, weight: number, scale: number): void {
    if (!(weight > 0 && Number.isFinite(weight)) || !(scale > 0 && scale <= 1)) {
      throw invalid(`An update counts for more than 0 and is scaled by (0, 1], not ${weight} and ${scale}.`);
    }
    const names = new Set(delta.map(({ name }) => name));
    if (names.size < delta.length) throw invalid("An update has a tensor twice.");
    const fitting = delta.map((values) => [values, this.#fit(values)] as const);
    for (const [values, segment] of fitting) {
      const factor = segment.role === "statistic" ? weight : weight * scale;
      if (values.at === undefined) {
        this.#sums.add(segment.start, values.values, factor);
        this.#whole.set(segment.name, (this.#whole.get(segment.name) ?? 0) + weight);
      } else this.#addPart(segment, values, values.at, weight, factor);
    }
  }

  of(segment: FlatSegment, otherwise: (index: number) => number): Float64Array {
    const sums = this.#sums.view(segment.start, segment.length);
    const whole = this.#whole.get(segment.name) ?? 0;
    const partial = this.#partial.get(segment.name);
    if (partial === undefined && whole > 0) {
      for (let i = 0; i < sums.length; i++) sums[i] = (sums[i] ?? 0) / whole;
      return sums;
    }
    for (let i = 0; i < sums.length; i++) {
      const total = whole + (partial?.[i] ?? 0);
      sums[i] = total > 0 ? (sums[i] ?? 0) / total : otherwise(i);
    }
    return sums;
  }

  addTo(segment: FlatSegment, values: Float32Array): void {
    const whole = this.#whole.get(segment.name) ?? 0;
    const isEven = whole > 0 && !this.#partial.has(segment.name);
    const sums = isEven ? this.#sums.view(segment.start, segment.length) : this.of(segment, () => 0);
    const total = isEven ? whole : 1;
    for (let i = 0; i < values.length; i++) values[i] = (values[i] ?? 0) + (sums[i] ?? 0) / total;
  }

  #fit({ name, shape, values, at }: Weight): FlatSegment {
    const segment = this.#byName.get(name);
    if (segment === undefined) throw invalid(`The model has no tensor ${quoteName(name)}.`);
    const fits =
      at === undefined
        ? isSameShape(shape, segment.shape)
        : shape.length === segment.shape.length &&
          at.length === shape.length &&
          shape.every(
            (size, axis) => (at[axis] ?? -1) >= 0 && (at[axis] ?? 0) + size <= (segment.shape[axis] ?? 0),
          );
    if (fits && values.length === elementCount(shape)) return segment;
    const where = at === undefined ? "" : ` at ${showShape(at)}`;
    throw invalid(
      `Tensor ${quoteName(name)} has the shape ${showShape(shape)}${where} and ${values.length} values, in a parameter of ${showShape(segment.shape)}.`,
    );
  }

  /** A box of the parameter, row by row. */
  #addPart(segment: FlatSegment, part: Weight, at: readonly number[], weight: number, factor: number): void {
    const known = this.#partial.get(segment.name);
    const weights = known ?? new Float64Array(segment.length);
    if (known === undefined) this.#partial.set(segment.name, weights);
    const rowLength = part.shape.at(-1) ?? 1;
    if (rowLength === 0) return;
    for (let from = 0; from < part.values.length; from += rowLength) {
      const start = boxOffset(from / rowLength, part.shape, at, segment.shape);
      this.#sums.add(segment.start + start, part.values.subarray(from, from + rowLength), factor);
      for (let i = start; i < start + rowLength; i++) weights[i] = (weights[i] ?? 0) + weight;
    }
  }
}

function invalid(message: string): FlError {
  return new FlError("invalid-argument", message);
}
