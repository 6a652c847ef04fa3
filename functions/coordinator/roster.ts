// The roster of a run as a scheduler takes it, read so that 100,000 clients fit into the coordinator.

import type { RosterEntry } from "../../shared/core/methods/selection/strategy.ts";
import { wantedClient } from "../../shared/core/methods/selection/wantedClients.ts";
import type { Store, UnreadableDocument } from "../../shared/core/ports/store.ts";
import { enrolled, inOrder, LOOK_BACK_MS, shardEntries } from "../../shared/core/roster/enrol.ts";
import type { ChangedClient, RosterShard } from "../../shared/core/schemas/roster.ts";
import type { Run } from "../../shared/core/schemas/run.ts";

export interface ReadRoster {
  /** In order of name. */
  readonly roster: readonly RosterEntry[];
  /** Changed clients whose documents do not even say that they are retired. */
  readonly damaged: readonly UnreadableDocument[];
  /** Until when it knows of changes of clients; `asOfAt` where there was none. */
  readonly asOfAt: number;
}

/**
 * The roster as its shards have it, with the clients that came and went since.
 *
 * @param asOfAt of the last look at the clients, ms since 1970.
 * @param change made of each shard before it is read.
 */
export async function readRoster(
  run: Pick<Run, "runId" | "spec">,
  asOfAt: number,
  store: Store,
  change: (shard: RosterShard) => RosterShard = (shard) => shard,
): Promise<ReadRoster> {
  const changed: ChangedClient[] = [];
  let latestAt = asOfAt;
  const damaged: UnreadableDocument[] = [];
  const changes = store.clientsChangedSince(asOfAt - LOOK_BACK_MS, (document) => damaged.push(document));
  for await (const client of changes) {
    changed.push(wantedClient(run.spec.selection, client, run.spec.requires));
    latestAt = Math.max(latestAt, client.updatedAt);
  }
  const entries: RosterEntry[] = [];
  for await (const { shard } of enrolled(run.runId, store.rosterShards(run.runId), changed)) {
    for (const entry of shardEntries(change(shard))) entries.push(entry);
  }
  return { roster: inOrder(entries), damaged, asOfAt: latestAt };
}
