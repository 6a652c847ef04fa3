// A run as a run of an MLflow server: its spec as parameters, and what its rounds came to as metrics.
import type { Run } from "../../../../shared/core/schemas/run.ts";
import type { ApiClient } from "../../apiClient.ts";
import type { MlflowExport } from "../exportOptions.ts";
import { roundsOf } from "../tables/rows.ts";
import {
  flatParams,
  type MlflowMetric,
  mlflowAuthorization,
  mlflowKey,
  mlflowValue,
  writeMlflowRun,
} from "./mlflow.ts";
import { roundScalars } from "./roundScalars.ts";

const STATUSES = {
  preparing: "RUNNING",
  ready: "RUNNING",
  running: "RUNNING",
  paused: "RUNNING",
  completed: "FINISHED",
  cancelled: "KILLED",
  failed: "FAILED",
} as const;

/** Returns the id of the MLflow run. */
export async function exportMlflow(
  { trackingUri, experiment, rounds }: MlflowExport,
  run: Run,
  api: ApiClient,
  env: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  const metrics: MlflowMetric[] = [];
  let costSoFarUsd = run.totals.preparationUsd;
  for await (const round of roundsOf(api, run, { first: 1, last: rounds.last })) {
    costSoFarUsd += round.costUsd ?? 0;
    const { closedAt, round: step } = round;
    if (step < rounds.first || closedAt === null) continue;
    for (const { tag, value } of roundScalars(round, costSoFarUsd)) {
      metrics.push({ key: mlflowKey(tag), value, timestamp: closedAt, step });
    }
  }
  const { runId, status, statusReason } = run;
  const tags = Object.entries({
    "fedstratus.runId": runId,
    "fedstratus.status": status,
    "fedstratus.statusReason": statusReason ?? "",
  }).map(([key, value]) => ({ key, value: mlflowValue(value) }));
  return writeMlflowRun(
    { uri: trackingUri, authorization: mlflowAuthorization(env) },
    {
      experiment,
      name: runId,
      startMs: run.startedAt ?? run.createdAt,
      endMs: run.endedAt,
      status: STATUSES[status],
      content: { metrics, params: flatParams(run.spec), tags },
    },
  );
}
