// Scores the weights that a client was given, before it trains, on the rows that it never trains on.
import { FlError } from "../../core/errors.ts";
import type { DataStream, Dataset, EvaluateTask, Evaluation, Trainer } from "../../core/ports/trainer.ts";
import { LARGEST_SCORE, type ScoreLeftOut } from "../../core/schemas/clientScore.ts";
import type { Metrics } from "../../core/schemas/metric.ts";
import type { LayersTopology } from "../../core/schemas/model.ts";
import type { Grant, ReportRequest } from "../../core/schemas/protocol.ts";
import { splitData } from "./splitData.ts";

/** The share of the time until training has to stop that scoring may take. */
const TIME_SHARE = 0.25;

/** What a grant asks for, and of which weights. */
export interface ScoreTask extends NonNullable<Grant["evaluation"]>, Pick<EvaluateTask, "weights" | "loss"> {
  /** Undefined in a run of parameters alone. */
  readonly topology: LayersTopology | undefined;
  readonly version: number;
  /** Of the run. */
  readonly seed: number;
  readonly data: Dataset | DataStream;
  /** When training has to stop, in ms since 1970; infinite where it need not. */
  readonly stopMs: number;
}

export interface Scored {
  /** What is left to train on. */
  readonly training: Dataset | DataStream;
  /** For the report. */
  readonly score: Pick<ReportRequest, "evaluation" | "evaluationLeftOut">;
}

/**
 * Splits the data as asked, and scores the weights on the validation share. Where there is no score it says
 * why; training goes on all the same. Rows that are kept apart stay so without a score as well.
 *
 * @param onFailure told why the weights cannot be scored.
 * @throws FlError as reading the data does.
 */
export async function scoreVersion(
  { version, seed, share, minSamples, topology, data, stopMs, ...task }: ScoreTask,
  trainer: Pick<Trainer, "evaluate">,
  nowMs: () => number,
  onFailure: (error: FlError) => void,
): Promise<Scored> {
  const startedMs = nowMs();
  const leftOut = (training: Dataset | DataStream, why: ScoreLeftOut): Scored => ({
    training,
    score: { evaluationLeftOut: why },
  });
  // Its owner's trainer reports what it measures itself.
  if (topology === undefined) return leftOut(data, "no-topology");
  const split = await splitData(data, seed, share);
  if (typeof split === "string") return leftOut(data, split);
  const { training, validation } = split;
  if ((validation.x.shape[0] ?? 0) < minSamples) return leftOut(training, "too-few-samples");
  const untilMs = startedMs + TIME_SHARE * (stopMs - startedMs);
  let scored: Evaluation;
  try {
    scored = await trainer.evaluate({ ...task, topology, data: until(validation, untilMs, nowMs) });
  } catch (error) {
    if (error instanceof OutOfTime) return leftOut(training, "no-time");
    if (!(error instanceof FlError)) throw error;
    onFailure(error);
    return leftOut(training, "failed");
  }
  // Outputs that are not numbers have an accuracy all the same: the first class counts as the largest one.
  if (!isWithinReason(scored.loss)) return leftOut(training, "not-finite");
  const metrics = finiteMetrics(scored);
  return { training, score: { evaluation: { version, samples: scored.samples, metrics } } };
}

class OutOfTime extends FlError {
  constructor() {
    super("deadline-exceeded", "Scoring takes too long.", { retry: "never" });
  }
}

/** The same samples, until it is too late for more. */
function until(data: DataStream, untilMs: number, nowMs: () => number): DataStream {
  return {
    ...data,
    async *batches(size, random) {
      for await (const batch of data.batches(size, random)) {
        if (nowMs() >= untilMs) throw new OutOfTime();
        yield batch;
      }
    },
  };
}

/** Loss and accuracy with the metrics that were asked for, as far as they are numbers within reason. */
function finiteMetrics({ loss, accuracy, metrics }: Evaluation): Metrics {
  const all = { ...metrics, loss, ...(accuracy === null ? {} : { accuracy }) };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => isWithinReason(value)));
}

function isWithinReason(value: number): boolean {
  return Math.abs(value) <= LARGEST_SCORE;
}
