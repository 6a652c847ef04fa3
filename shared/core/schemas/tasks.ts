// Bodies of the tasks that move a run along. Each is named after its transition, so a repeated delivery changes nothing.
import * as z from "zod";
import { ClientId, ModelVersion, RoundNumber, RunId } from "./ids.ts";

export const PrepareTask = z.strictObject({ runId: RunId });
export type PrepareTask = z.infer<typeof PrepareTask>;

export const OpenRoundTask = z.strictObject({ runId: RunId, request: z.number().int().min(1) });
export type OpenRoundTask = z.infer<typeof OpenRoundTask>;

export const CloseRoundTask = z.strictObject({
  runId: RunId,
  round: RoundNumber,
  pass: z.union([z.literal(1), z.literal(2)]).describe("2 for the extension."),
});
export type CloseRoundTask = z.infer<typeof CloseRoundTask>;

export const InvokeTask = z.strictObject({ runId: RunId, round: RoundNumber, clientId: ClientId });
export type InvokeTask = z.infer<typeof InvokeTask>;

export const PrewarmTask = z.strictObject({ runId: RunId, round: RoundNumber });
export type PrewarmTask = z.infer<typeof PrewarmTask>;

/** Calls a client so that its instance is there when the round comes; it has nothing to do. */
export const WarmTask = z.strictObject({ runId: RunId, round: RoundNumber, clientId: ClientId });

export const AggregateTask = z.strictObject({ runId: RunId, round: RoundNumber });
export type AggregateTask = z.infer<typeof AggregateTask>;

export const SweepTask = z.strictObject({
  runId: RunId,
  pass: z
    .number()
    .int()
    .min(1)
    .describe("Counts the looks at an ended run; a later one waits for clients still at work."),
});
export type SweepTask = z.infer<typeof SweepTask>;

/** The watchdog's task goes through all runs. */
export const WatchTask = z.strictObject({});

export const EvaluateTask = z.strictObject({ runId: RunId, round: RoundNumber, version: ModelVersion });
export type EvaluateTask = z.infer<typeof EvaluateTask>;
