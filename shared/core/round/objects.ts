// Names of a run's objects in the model bucket.
import { roundKey } from "../schemas/ids.ts";
import type { UpdateId } from "../schemas/round.ts";

export function topologyObject(runId: string): string {
  return `runs/${runId}/model.json`;
}

export function modelObject(runId: string, version: number): string {
  return `runs/${runId}/models/${version}.safetensors`;
}

/** The attempt is part of the name: a repeated invocation never overwrites an update that may already count. */
export function updateObject(runId: string, update: UpdateId): string {
  return `runs/${runId}/updates/${roundKey(update.round)}/${update.clientId}-${update.attempt}.safetensors`;
}
