// The roster is the fold of outcomes: one pure step per closed round and shard, which changes nothing when repeated.
import type { Client } from "../schemas/client.ts";
import { MAX_ROUND } from "../schemas/ids.ts";
import { HISTORY_LENGTH, type RosterRecord, type RosterShard, SHARD_SIZE } from "../schemas/roster.ts";
import type { Outcome, Round } from "../schemas/round.ts";
import type { RosterEntry } from "../selection/strategy.ts";

/** Clocks of two instances may differ: changed clients are looked up from so long before the roster's last look. */
export const LOOK_BACK_MS = 60_000;

const NEWCOMER: RosterRecord = {
  invocations: 0,
  trainMsHistory: [],
  coldStartMsHistory: [],
  missedRounds: [],
  cooldownRounds: 0,
  lastSelectedRound: null,
  busyUntilAt: null,
};

/**
 * The roster with the clients that were registered or retired since it was last written: newcomers join the last shard
 * while it has room, then a new one; retired clients leave.
 *
 * @param shards in their order. @returns the same shards, those without a change being the same objects.
 */
export function enrol(
  runId: string,
  shards: readonly RosterShard[],
  changed: readonly Client[],
): readonly RosterShard[] {
  const result = [...shards];
  const shardOf = new Map(
    shards.flatMap((shard, index) => Object.keys(shard.clients).map((id) => [id, index] as const)),
  );
  for (const client of [...changed].sort((a, b) => (a.clientId < b.clientId ? -1 : 1))) {
    const { clientId } = client;
    const index = shardOf.get(clientId);
    const shard = index === undefined ? undefined : result[index];
    if (shard !== undefined && index !== undefined) {
      if (!client.retired) continue;
      const { [clientId]: _left, ...stay } = shard.clients;
      result[index] = { ...shard, clients: stay };
      shardOf.delete(clientId);
    } else if (!client.retired) {
      const last = result.length - 1;
      const open = result[last];
      if (open !== undefined && Object.keys(open.clients).length < SHARD_SIZE) {
        result[last] = { ...open, clients: { ...open.clients, [clientId]: NEWCOMER } };
      } else {
        result.push({ runId, shard: result.length, foldedRound: 0, clients: { [clientId]: NEWCOMER } });
      }
      shardOf.set(clientId, result.length - 1);
    }
  }
  return result;
}

/** The shard with the outcomes of a closed round folded in. A round at or before `foldedRound` changes nothing. */
export function foldRound(shard: RosterShard, round: Round): RosterShard {
  if (round.round <= shard.foldedRound) return shard;
  const clients = { ...shard.clients };
  for (const outcome of round.outcomes) {
    const record = clients[outcome.clientId];
    if (record !== undefined) clients[outcome.clientId] = foldOutcome(record, outcome);
  }
  return { ...shard, clients, foldedRound: round.round };
}

/**
 * One client's record after one outcome (FedLesScan's history, references in its strategy): a success clears the
 * cooldown; a miss or failure starts it at 1 and doubles it, up to the length of a run; a late report takes its miss back
 * and tells its time, also where its update has expired, but leaves the cooldown. A miss that nothing is heard of stays.
 */
export function foldOutcome(record: RosterRecord, outcome: Outcome): RosterRecord {
  const told = {
    trainMsHistory: appended(record.trainMsHistory, outcome.trainMs),
    coldStartMsHistory: appended(record.coldStartMsHistory, outcome.coldStartMs),
    ...seen(record, outcome),
  };
  switch (outcome.result) {
    case "late":
      return {
        ...record,
        ...told,
        missedRounds: record.missedRounds.filter((round) => round !== outcome.round),
        // Invited again since, it may still be at work on that.
        busyUntilAt: record.lastSelectedRound === outcome.round ? null : record.busyUntilAt,
      };
    case "in-time":
      return { ...invoked(record, outcome), ...told, cooldownRounds: 0, busyUntilAt: null };
    case "rejected":
    case "failed":
    case "missed":
      return {
        ...invoked(record, outcome),
        ...told,
        missedRounds: appended(record.missedRounds, outcome.round),
        cooldownRounds: Math.min(MAX_ROUND, Math.max(1, record.cooldownRounds * 2)),
        busyUntilAt: outcome.busyUntilAt,
      };
  }
}

/** The roster as schedulers take it: one entry per client, in order of name. */
export function rosterEntries(shards: readonly RosterShard[]): readonly RosterEntry[] {
  return shards
    .flatMap((shard) => Object.entries(shard.clients))
    .map(([clientId, record]) => ({
      clientId,
      invocations: record.invocations,
      trainMsHistory: record.trainMsHistory,
      coldStartMsHistory: record.coldStartMsHistory,
      missedRounds: record.missedRounds,
      cooldownRounds: record.cooldownRounds,
      lastSelectedRound: record.lastSelectedRound,
      busyUntilMs: record.busyUntilAt,
      lastSeenMs: record.lastSeenAt ?? null,
    }))
    .sort((a, b) => (a.clientId < b.clientId ? -1 : 1));
}

function invoked(record: RosterRecord, outcome: Outcome): RosterRecord {
  return { ...record, invocations: record.invocations + 1, lastSelectedRound: outcome.round };
}

/** Reports come in any order: a late one may be older than what is known. */
function seen(record: RosterRecord, { reportedAt }: Outcome): Pick<RosterRecord, "lastSeenAt"> {
  if (reportedAt === undefined || reportedAt === null) return {};
  return { lastSeenAt: Math.max(record.lastSeenAt ?? reportedAt, reportedAt) };
}

function appended(history: readonly number[], value: number | null): number[] {
  return value === null ? [...history] : [...history, value].slice(-HISTORY_LENGTH);
}
