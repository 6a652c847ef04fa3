// A data set that is split: what is known of its rows, and how they are written to their clients.
import type { DataFacts } from "../../../shared/core/schemas/dataFacts.ts";
import { Coder } from "../coder.ts";
import type { Units } from "./plan.ts";

/** More would be no classes: numbers to predict, or names. */
const MOST_LABELS = 1_000;
/** Each is a client. */
const MOST_GROUPS = 10_000;

export const labelCoder = () =>
  new Coder(
    MOST_LABELS,
    (most) =>
      `The label has more than ${most} different values, which are no classes: name another column by --label, or split by iid or size`,
  );
export const groupCoder = () =>
  new Coder(
    MOST_GROUPS,
    (most) => `The column to split by has more than ${most} different values: name another one by --column`,
  );

/** What is to be found out about rows beside their number. */
export interface Asked {
  /** The column of labels, of a table; other data have labels of their own. */
  readonly label: string | undefined;
  readonly needsLabels: boolean;
  /** The column of a natural split, of a table. */
  readonly column: string | undefined;
}

export interface Scanned {
  readonly units: Units;
  /** Rows that cannot be read are no unit, and are left out. */
  readonly facts: DataFacts;
}

export interface SplitSource {
  /** What its clients' files are, such as `csv`. */
  readonly format: string;
  /** What is left out beside rows, in a sentence each. */
  readonly notes: readonly string[];
  /** @throws FlError("invalid-argument") for a column that is not there, or labels that the data do not have */
  scan(asked: Asked, signal: AbortSignal): Promise<Scanned>;
  /**
   * Writes each unit to its client, in the order of the data set.
   *
   * @param clientOf the place of each unit's client
   * @param folder that the clients' files go into; it is there
   * @returns what each client's data are called in the folder
   */
  write(
    clientOf: Uint32Array,
    clientIds: readonly string[],
    folder: string,
    signal: AbortSignal,
  ): Promise<readonly string[]>;
}
