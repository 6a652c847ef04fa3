// What the tests ask about the tier they are played in. A table of long cases says which of them belong to
// it.
import { describe, inject } from "vitest";
import { casesOf, playsOnce, propertyRuns } from "../../infra/testing/tiers.ts";

/** The cases of a split file's table that this run plays. The file is in SPLIT. */
export const casesHere = <T>(cases: readonly T[]): readonly T[] => casesOf(inject("tier"), cases);

/** How many cases of a property this run plays, where the full one plays so many. */
export const runs = (full: number): number => propertyRuns(inject("tier"), full);

/** For a check over a whole table, which no part of it can meet. */
export const playsEverything = (): boolean => inject("tier").kind === "full";

/** Whether this run plays a test of a split file that is in no table. */
export const playsHere = (): boolean => playsOnce(inject("tier"));

/** A suite of these tables, where this run plays any of their cases: one without a test is an error. */
export function describeHere(
  title: string,
  tables: readonly (readonly unknown[])[],
  define: () => void,
): void {
  if (tables.some((cases) => casesHere(cases).length > 0)) describe(title, define);
}
