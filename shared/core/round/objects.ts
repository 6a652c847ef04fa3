// Names of a run's objects in the model bucket.
import { roundKey } from "../schemas/ids.ts";
import type { UpdateId } from "../schemas/round.ts";

export function topologyObject(runId: string): string {
  return `runs/${runId}/model.json`;
}

/** The model as it was given with the run's spec; built-in models have none. */
export function modelSourceObject(runId: string): string {
  return `runs/${runId}/model.source.json`;
}

/**
 * A file that somebody uploads beside a spec. It ends as an update does, so that the bucket deletes both when
 * they are old: a run has what it needs of it as soon as it is ready.
 */
export function uploadObject(uploadId: string): string {
  return `uploads/${uploadId}-1.safetensors`;
}

export function modelObject(runId: string, version: number): string {
  return `runs/${runId}/models/${version}.safetensors`;
}

/** Scores of a version by class, and its confusion matrix; only versions scored by such metrics have it. */
export function scoreObject(runId: string, version: number): string {
  return `runs/${runId}/scores/${version}.json`;
}

/** The same of an evaluation that somebody asked for. */
export function askedScoreObject(runId: string, version: number, number: number): string {
  return `runs/${runId}/scores/${version}-asked-${number}.json`;
}

/**
 * A block of a run's series that stays as it is, with or without its outcomes. A series of another shape gets
 * another number in the place of the first.
 */
export function seriesObject(runId: string, block: number, withOutcomes: boolean): string {
  return `runs/${runId}/series/1/${roundKey(block)}${withOutcomes ? ".outcomes" : ""}.json`;
}

/** What the aggregation method keeps with a version. */
export function stateObject(runId: string, version: number): string {
  return `runs/${runId}/state/${version}.safetensors`;
}

/** What a client keeps between invocations; each attempt writes one of its own. */
export function clientStateObject(runId: string, { round, clientId, attempt }: UpdateId): string {
  return `${clientStatesOf(runId)}${clientId}/${roundKey(round)}-${attempt}.safetensors`;
}

/** The client that a state's object is of. */
export function clientOfState(runId: string, name: string): string {
  return name.slice(clientStatesOf(runId).length).split("/")[0] ?? "";
}

/** What the names of all that a run's clients keep begin with. */
export function clientStatesOf(runId: string): string {
  return `runs/${runId}/client-state/`;
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
