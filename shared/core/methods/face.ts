// What every method shows of itself: enough to write a spec, a table of options and a choice on a command
// line.
import type * as z from "zod";

/** A method's face. It loads no behaviour: every function reads specs, and none needs all methods. */
export interface Face<Options extends z.ZodType = z.ZodType> {
  /** As specs name it, and its folder. */
  readonly name: string;
  /** As its authors name it. */
  readonly title: string;
  /** Authors, title, venue and year; null where it is common knowledge. */
  readonly paper: string | null;
  /** What a spec says of it, every option described. */
  readonly options: Options;
  /** What makes no sense in a spec that names this method: each with the place, the reason and what to do. */
  readonly problems?: (spec: SpecFacts) => readonly SpecProblem[];
}

export interface SpecProblem {
  readonly path: readonly string[];
  readonly message: string;
}

/**
 * What rules on combinations may look at: parts of a spec that every run has, its methods' options as they
 * are.
 */
export interface SpecFacts {
  readonly training: Readonly<Record<string, unknown>>;
  readonly selection: { readonly strategy: string; readonly cohortSize: number } & Readonly<
    Record<string, unknown>
  >;
  readonly aggregation: { readonly strategy: string } & Readonly<Record<string, unknown>>;
  readonly round: { readonly minUpdates: number; readonly onDeadline: string };
  readonly encoding: string;
}
