// The parameters that updates hold as one long row of values: what blocks of coordinates and slices of a
// model are cut from.
import { elementCount } from "./safetensors.ts";
import { type ModelShape, type ParameterRole, sentParameters } from "./weights.ts";

/** Where a parameter's values lie in the row. */
export interface FlatSegment {
  readonly name: string;
  readonly shape: readonly number[];
  readonly role: ParameterRole;
  readonly start: number;
  readonly length: number;
}

export interface FlatLayout {
  /** Values in all. */
  readonly count: number;
  /**
   * By name, as files written by safetensors libraries have them: so that a block is one range of most files.
   */
  readonly segments: readonly FlatSegment[];
}

/** The row of a model's sent parameters: trained ones and statistics. */
export function flatLayout(model: ModelShape): FlatLayout {
  let count = 0;
  const ordered = sentParameters(model).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const segments = ordered.map(({ name, shape, role = "trained" }) => {
    const [start, length] = [count, elementCount(shape)];
    count += length;
    return { name, shape, role, start, length };
  });
  return { count, segments };
}

/** The parts of the segments that lie in [begin, end), in their order; empty ones are left out. */
export function segmentsWithin(
  { segments }: FlatLayout,
  begin: number,
  end: number,
): readonly { readonly segment: FlatSegment; readonly begin: number; readonly end: number }[] {
  return segments.flatMap((segment) => {
    const from = Math.max(begin, segment.start);
    const to = Math.min(end, segment.start + segment.length);
    return from < to ? [{ segment, begin: from, end: to }] : [];
  });
}
