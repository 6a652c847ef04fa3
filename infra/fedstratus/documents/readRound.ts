// Reads one round of a run, or its last one.
import { FlError } from "../../../shared/core/errors.ts";
import { Round } from "../../../shared/core/schemas/round.ts";
import { Run } from "../../../shared/core/schemas/run.ts";
import type { Api, Read } from "../frame/api.ts";

/** @param number undefined: the last one. @throws FlError("not-found") where the run has none */
export async function readRound(runId: string, number: number | undefined, api: Api): Promise<Read<Round>> {
  const wanted = number ?? (await api.call({ method: "GET", path: `/v1/runs/${runId}` }, Run)).value.round;
  if (wanted === 0) throw new FlError("not-found", `Run ${runId} has no rounds yet.`);
  return api.call({ method: "GET", path: `/v1/runs/${runId}/rounds/${wanted}` }, Round);
}
