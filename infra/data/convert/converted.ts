// What a conversion is given, and what it gives.
import type { DataFacts } from "../../../shared/core/schemas/dataFacts.ts";

export interface Parts {
  /** One file, or two. */
  readonly paths: readonly string[];
  /** Of rows in the first one. */
  readonly share: number;
  readonly seed: number;
}

export interface Converted {
  readonly facts: DataFacts;
  /** Rows of each file. */
  readonly counts: readonly number[];
  readonly maxRefusedShare: number;
  /** Of samples; null of a table. */
  readonly inputShape: readonly number[] | null;
  readonly targetShape: readonly number[] | null;
}
