// Rounds and invocations without what is long in them: what pages and charts show of many at a time.
import type * as z from "zod";
import { RunId } from "./ids.ts";
import { Invocation } from "./invocation.ts";
import { Round } from "./round.ts";

/** A round without its lists of clients and updates. */
export const RoundFigures = Round.omit({
  cohort: true,
  notChosen: true,
  groups: true,
  selectionState: true,
  signals: true,
  consumed: true,
  dropped: true,
  outcomes: true,
  inputs: true,
  prewarmed: true,
}).meta({ id: "RoundFigures" });
export type RoundFigures = z.infer<typeof RoundFigures>;

/** What an invocation was at and what came of it, in what time and for how much. */
export const InvocationFigures = Invocation.pick({
  round: true,
  clientId: true,
  status: true,
  tier: true,
  attempt: true,
  coldStart: true,
  timings: true,
  bytesDown: true,
  bytesUp: true,
  costUsd: true,
  costEstimated: true,
  staleness: true,
  weight: true,
  consumedInRound: true,
  failure: true,
  invokedAt: true,
  claimedAt: true,
  reportedAt: true,
  endedAt: true,
  refusedAt: true,
  updatedAt: true,
}).meta({ id: "InvocationFigures" });
export type InvocationFigures = z.infer<typeof InvocationFigures>;

/** The same, of any run. */
export const RunInvocation = InvocationFigures.extend({ runId: RunId }).meta({ id: "RunInvocation" });
export type RunInvocation = z.infer<typeof RunInvocation>;
