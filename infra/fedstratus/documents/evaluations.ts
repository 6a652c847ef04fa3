// Evaluations of model versions that somebody asked for: which there are, and what they say.
import * as z from "zod";
import { FlError } from "../../../shared/core/errors.ts";
import { Evaluation } from "../../../shared/core/schemas/evaluation.ts";
import type { Api } from "../frame/api.ts";
import { factLines } from "../output/factLines.ts";

/** The api's answer, of which the link to details is for programs. */
export const EvaluationAnswer = z.looseObject({ evaluation: Evaluation });

/** By version; none where the deployment is of a release that has none. */
export async function evaluationsOf(runId: string, api: Api): Promise<ReadonlyMap<number, Evaluation>> {
  try {
    const path = `/v1/runs/${runId}/evaluations`;
    const { items } = await api.list(path, Evaluation, { limit: 1, all: true });
    return new Map(items.map(({ value }) => [value.version, value]));
  } catch (error) {
    if (error instanceof FlError && error.code === "not-found") return new Map();
    throw error;
  }
}

/** On one line: "accuracy 0.9123, loss 0.3412", or why there is no score. */
export function evaluationText(evaluation: Evaluation): string {
  const { status, data, reason, metrics = {} } = evaluation;
  const on = data === null ? "" : ` on ${data}`;
  if (status !== "scored") return reason === null ? `${status}${on}` : `${status}${on}: ${reason}`;
  const { accuracy, loss, ...others } = metrics;
  const known = Object.entries({ accuracy, loss, ...others }).filter(([, value]) => value !== undefined);
  return `${known.map(([name, value]) => `${name} ${scoreText(value)}`).join(", ")}${on}`;
}

/** One screen. */
export function evaluationLines(evaluation: Evaluation): readonly string[] {
  const { runId, version, status, data, reason, metrics = {}, backend, evaluateMs, costUsd } = evaluation;
  const { accuracy, loss, ...others } = metrics;
  return factLines([
    ["run", runId],
    ["version", String(version)],
    ["status", reason === null ? status : `${status}: ${reason}`],
    ["test set", data],
    ...Object.entries({ accuracy, loss, ...others }).map(
      ([name, value]) => [name, scoreText(value)] as const,
    ),
    [
      "took",
      evaluateMs === null
        ? null
        : `${(evaluateMs / 1_000).toFixed(2)} s${backend === null ? "" : ` on ${backend}`}`,
    ],
    ["cost", costUsd === null ? null : `${costUsd.toFixed(5)} USD, which is in no total of the run`],
  ]);
}

function scoreText(value: number | undefined): string | null {
  return value === undefined ? null : String(Number(value.toPrecision(5)));
}
