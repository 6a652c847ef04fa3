// The seam of relays: who passes the model on to whom in a round whose updates travel from client to client.
import type { Random } from "../../random.ts";

/** A client of the cohort, as far as arranging looks at it. */
export interface RelayMember {
  readonly clientId: string;
  /** How long its work takes on average, in ms; null for a client that has finished none. */
  readonly workMs: number | null;
  /** Its share of each label, by class number, summing to 1; null where its client does not tell. */
  readonly labelShares: readonly number[] | null;
}

export interface RelayMethod<Options> {
  /**
   * The groups, each in the order in which the model travels. Every member is in exactly one group, no group
   * is empty or larger than `options.groupSize`, and the same members in any order give the same answer.
   *
   * @param members each id once, at least one.
   */
  arrange(members: readonly RelayMember[], options: Options, random: Random): readonly (readonly string[])[];
}
