// What the demo asks of a view, whatever it is drawn on.
import type { DemoReport } from "./demoReport.ts";
import type { RoundSnapshot, RunSnapshot } from "./roundSnapshot.ts";

export interface DemoInfo {
  /** What is trained on what. */
  readonly title: string;
  /** Which TensorFlow, and why. */
  readonly backend: string;
  /** Which Firestore, and why, in words. */
  readonly firestore: { readonly reason: string };
  readonly clients: number;
  readonly cohort: number;
  readonly rounds: number;
  readonly strategy: string;
  readonly seed: number;
}

/**
 * `start` once, then the others in any order and number, then `finish` or `fail` once. Texts may hold
 * anything.
 */
export interface DemoView {
  start(info: DemoInfo): void;
  /** @param rounds every round so far, first to last. */
  update(rounds: readonly RoundSnapshot[], run: RunSnapshot): void;
  /** A line worth keeping, above what is redrawn. */
  note(line: string): void;
  finish(report: DemoReport): void;
  fail(message: string): void;
}

/** `process.stdout`, or anything that is written to alike. Sizes are in characters and may change. */
export type ViewStream = NodeJS.WritableStream & {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
};
