// Names of a run's objects in the model bucket.
import { roundKey } from "../schemas/ids.ts";
import type { UpdateId } from "../schemas/round.ts";

export function topologyObject(runId: string): string {
  return `runs/${runId}/model.json`;
}

export function modelObject(runId: string, version: number): string {
  return `runs/${runId}/models/${version}.safetensors`;
}

/** What the aggregation method keeps with a version. */
export function stateObject(runId: string, version: number): string {
  return `runs/${runId}/state/${version}.safetensors`;
}

/**
 * The attempt is part of the name: a repeated invocation never overwrites an update that may already count.
 */
export function updateObject(runId: string, update: UpdateId): string {
  return `${updatesOfRound(runId, update.round)}${update.clientId}-${update.attempt}.safetensors`;
}

/** What the names of a round's updates begin with. */
export function updatesOfRound(runId: string, round: number): string {
  return `${updatesOf(runId)}${roundKey(round)}/`;
}

/** What the names of all of a run's updates begin with. */
export function updatesOf(runId: string): string {
  return `runs/${runId}/updates/`;
}
