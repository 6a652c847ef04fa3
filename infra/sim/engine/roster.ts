// The roster of a simulated run, by the core's own fold; only the records that a round has touched are made
// anew, so that a million clients cost little after the first round.

import type { SelectionOptions } from "../../../shared/core/methods/selection/options.ts";
import type { RosterEntry } from "../../../shared/core/methods/selection/strategy.ts";
import { enrol, rosterEntries } from "../../../shared/core/roster/enrol.ts";
import { foldOutcome, historyLength } from "../../../shared/core/roster/fold.ts";
import type { Capacity, Client } from "../../../shared/core/schemas/client.ts";
import type { RosterRecord } from "../../../shared/core/schemas/roster.ts";
import type { Outcome } from "../../../shared/core/schemas/round.ts";
import type { Population } from "../population/population.ts";

export interface SimulatedRoster {
  /** By ascending id; replaced in place by `fold`. */
  readonly entries: readonly RosterEntry[];
  fold(outcomes: readonly Outcome[]): void;
  /** The entries as they would be after these outcomes; nothing is changed. */
  after(outcomes: readonly Outcome[]): readonly RosterEntry[];
  /** By client, in the order of `entries`. */
  invocations(): readonly number[];
}

/** @param clientIds ascending. */
export function createRoster(
  clientIds: readonly string[],
  capacity: Capacity,
  selection: SelectionOptions,
): SimulatedRoster {
  const keep = historyLength(selection);
  const newcomer = newcomerRecord(capacity);
  const indexOf = new Map(clientIds.map((clientId, index) => [clientId, index]));
  const records: RosterRecord[] = clientIds.map(() => newcomer);
  const pattern = entryOf("", newcomer);
  const entries: RosterEntry[] = clientIds.map((clientId) => ({ ...pattern, clientId }));
  const foldInto = (folded: RosterRecord[], shown: RosterEntry[], outcomes: readonly Outcome[]): void => {
    for (const outcome of outcomes) {
      const index = indexOf.get(outcome.clientId);
      const before = index === undefined ? undefined : folded[index];
      if (index === undefined || before === undefined) continue;
      const after = foldOutcome(before, outcome, keep);
      folded[index] = after;
      shown[index] = entryOf(outcome.clientId, after);
    }
  };
  return {
    entries,
    fold: (outcomes) => foldInto(records, entries, outcomes),
    after: (outcomes) => {
      const shown = [...entries];
      foldInto([...records], shown, outcomes);
      return shown;
    },
    invocations: () => records.map((record) => record.invocations),
  };
}

export function capacityOf(
  population: Pick<Population, "capacity" | "capacityOf">,
  clientId: string,
): Capacity {
  return population.capacityOf?.(clientId) ?? population.capacity;
}

/** A client's document as a scheduler's run needs it. */
export function clientDocument(clientId: string, capacity: Capacity): Client {
  return {
    clientId,
    url: `https://${clientId}.example.org/`,
    serviceAccount: "client@example.org",
    capacity,
    dataCard: {},
    labels: {},
    retired: false,
    registeredAt: 0,
    updatedAt: 0,
  };
}

/** What the core writes down of a client that it hears of for the first time. */
function newcomerRecord(capacity: Capacity): RosterRecord {
  const record = enrol("run", [], [clientDocument("newcomer", capacity)])[0]?.clients["newcomer"];
  if (record === undefined) throw new Error("The roster has no record of a newcomer.");
  return record;
}

function entryOf(clientId: string, record: RosterRecord): RosterEntry {
  const [entry] = rosterEntries([
    { runId: "run", shard: 0, foldedRound: 0, clients: { [clientId]: record } },
  ]);
  if (entry === undefined) throw new Error(`The roster has no entry of ${clientId}.`);
  return entry;
}
