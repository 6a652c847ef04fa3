// What a demo comes to: the object that `--out` writes and that the closing table shows.
import * as z from "zod";
import { RunId } from "../../../shared/core/schemas/ids.ts";
import type { Run } from "../../../shared/core/schemas/run.ts";
import { RoundSnapshot } from "./roundSnapshot.ts";

const Count = z.number().int().min(0);

export const DemoReport = z.strictObject({
  runId: RunId,
  strategy: z.string().min(1),
  rounds: Count,
  accuracy: z.number().min(0).max(1).nullable().describe("Of the last model version that was scored."),
  loss: z.number().nullable().describe("Of the same version."),
  eur: z.number().min(0).max(1).nullable(),
  costUsd: z.number().min(0),
  wallSeconds: z.number().min(0).describe("Of the whole demo without its set-up."),
  invocations: Count,
  coldStarts: Count.describe("Of client functions."),
  late: Count.describe("Late updates that joined a later round."),
  failed: Count,
  backend: z.string().min(1),
  firestore: z.string().min(1),
  perRound: z.array(RoundSnapshot),
  recording: z
    .strictObject({ run: z.unknown(), rounds: z.array(z.unknown()), invocations: z.array(z.unknown()) })
    .optional()
    .describe("What the API answers of it, for the simulator's --replay; in the file only."),
});
export type DemoReport = z.infer<typeof DemoReport>;

export interface DemoOutcome {
  readonly run: Run;
  /** Every round of the run, first to last. */
  readonly rounds: readonly RoundSnapshot[];
  readonly wallSeconds: number;
  /** The TensorFlow that trained, such as "native". */
  readonly backend: string;
  /** The implementation of Firestore, such as "embedded". */
  readonly firestore: string;
}

export function demoReport({ run, rounds, wallSeconds, backend, firestore }: DemoOutcome): DemoReport {
  const total = (of: (round: RoundSnapshot) => number) => rounds.reduce((sum, round) => sum + of(round), 0);
  return {
    runId: run.runId,
    strategy: run.spec.selection.strategy,
    rounds: rounds.length,
    accuracy: run.accuracy,
    loss: run.loss,
    eur: run.eur,
    costUsd: run.totals.costUsd,
    wallSeconds,
    invocations: total((round) => round.invoked),
    coldStarts: total((round) => round.coldStarts),
    late: total((round) => round.late),
    failed: total((round) => round.failed),
    backend,
    firestore,
    perRound: rounds.map((round) => ({ ...round })),
  };
}
