// Chooses a cohort of clients whose documents can be read: a damaged document excludes its own client and no
// other.

import {
  type Candidates,
  type ChosenSelection,
  selectCohort,
} from "../../shared/core/methods/selection/selectCohort.ts";
import type { UnreadableDocument } from "../../shared/core/ports/store.ts";
import type { Client } from "../../shared/core/schemas/client.ts";
import { ClientId } from "../../shared/core/schemas/ids.ts";
import type { Run } from "../../shared/core/schemas/run.ts";
import type { CoordinatorDeps } from "./deps.ts";
import { registeredClients } from "./documents.ts";

/** Enough of a reason to act on; a round's document keeps up to 200. */
const REASON_LENGTH = 300;

export interface ReadableCohort {
  /** What was chosen, and with their reasons those whose documents are damaged. */
  readonly selection: ChosenSelection;
  readonly clients: ReadonlyMap<string, Client>;
  readonly damaged: readonly UnreadableDocument[];
}

/** @param damaged clients that are known to be unreadable already. */
export async function readableCohort(
  run: Run,
  round: number,
  candidates: Candidates,
  damaged: readonly UnreadableDocument[],
  deps: CoordinatorDeps,
  nowMs: number,
): Promise<ReadableCohort> {
  const names = new Set(damaged.map(({ name }) => name));
  const roster = candidates.roster.filter(({ clientId }) => !names.has(clientId));
  const selection = selectCohort(run, round, { ...candidates, roster }, nowMs);
  const { clients, unreadable } = await registeredClients(selection.cohort, deps);
  if (unreadable.length > 0) {
    return readableCohort(run, round, candidates, [...unreadable, ...damaged], deps, nowMs);
  }
  // A document may have been made by hand, with a name that no client can have.
  const left = damaged
    .filter(({ name }) => ClientId.safeParse(name).success)
    .map(({ name, reason }) => ({
      clientId: name,
      chosen: false,
      rank: null,
      reason: reason.slice(0, REASON_LENGTH).toWellFormed(),
    }));
  return { selection: { ...selection, considered: [...left, ...selection.considered] }, clients, damaged };
}
