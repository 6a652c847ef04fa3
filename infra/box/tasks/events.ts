// What the task service reports to its observers.
import type { AttemptOutcome, Settled } from "./queue.ts";

/**
 * Queue and task are ids (last part of the name). `attempt` counts from 1; a duplicate has the number of what
 * it repeats.
 */
export type TasksEvent = { readonly queue: string; readonly task: string } & (
  | { readonly kind: "created"; readonly scheduleMs: number }
  | { readonly kind: "refused-name" }
  | {
      readonly kind: "dispatched";
      readonly attempt: number;
      readonly duplicate: boolean;
      readonly lateMs: number;
    }
  | {
      readonly kind: "answered";
      readonly attempt: number;
      readonly duplicate: boolean;
      readonly outcome: AttemptOutcome;
      readonly durationMs: number;
      /** What it meant for the task; a duplicate, or one that was cut by a stop, means nothing. */
      readonly settled: Settled | "ignored";
    }
);
