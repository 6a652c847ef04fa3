// A kind of run that functions are killed in: which of the stage's clients it is for, the steps that it
// takes, and how it is played.

import type { StepsOf } from "../disturbed.ts";
import { DEAD, label, type Stage } from "../scenarios.ts";

export interface Mode {
  /** Those of the protocol's steps that a kill could harm here in another way than elsewhere. */
  readonly steps: StepsOf;
  /** Plays one run, or what belongs together, to its end: what it gives is the same whatever happens. */
  readonly play: (stage: Stage, key: string) => Promise<unknown>;
  /** What it gives, or as much of it as says what the mode is about. */
  readonly expected: object;
}

/** Every client on the stage that a function answers for. */
export const LIVE = ["clinic-a", "clinic-b", "clinic-c", "clinic-d"] as const;

/** The clients' labels, by which each run finds its own. */
const LABELS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "clinic-a": { pair: "yes", trio: "yes", four: "yes", side: "north" },
  "clinic-b": { pair: "yes", trio: "yes", four: "yes", side: "south" },
  "clinic-c": { four: "yes" },
  "clinic-d": { four: "yes" },
  [DEAD]: { trio: "yes" },
};

export async function labelClients(stage: Stage): Promise<void> {
  for (const [clientId, labels] of Object.entries(LABELS)) await label(stage, clientId, labels);
}

/** The wish of a spec for two clients that answer, for these and one that is gone, or for four. */
export const only = (which: "pair" | "trio" | "four") => ({ labels: { [which]: "yes" } });

/** What an aggregator takes from the updates to the next round. */
export const FOLDING = [
  "fix-inputs",
  "write-model",
  "publish",
  "mark-settled",
  "fold-roster",
  "remove-update",
  "finish-round",
  "enqueue open-round",
] as const;
