// The roster is the fold of outcomes: one pure step per closed round and shard, which changes nothing when
// repeated.

import { isPublished, type SelectionOptions } from "../methods/selection/options.ts";
import { learnedPace } from "../methods/training/pace.ts";
import { MAX_ROUND } from "../schemas/ids.ts";
import {
  HISTORY_LENGTH,
  LONG_HISTORY_LENGTH,
  type RosterRecord,
  type RosterShard,
} from "../schemas/roster.ts";
import type { Outcome, Round } from "../schemas/round.ts";
import { MAX_SIGNALS_READ } from "../schemas/signals.ts";

/**
 * The shard with the outcomes of a closed round folded in. A round at or before `foldedRound` changes
 * nothing.
 */
export function foldRound(shard: RosterShard, round: Round, selection: SelectionOptions): RosterShard {
  if (round.round <= shard.foldedRound) return shard;
  const clients = { ...shard.clients };
  const keep = historyLength(selection);
  for (const outcome of round.outcomes) {
    // A client may be called `constructor`, and be in another shard.
    const record = Object.hasOwn(clients, outcome.clientId) ? clients[outcome.clientId] : undefined;
    if (record !== undefined) clients[outcome.clientId] = foldOutcome(record, outcome, keep);
  }
  return { ...shard, clients, foldedRound: round.round };
}

/**
 * How many entries of each of a client's histories are kept, the newest. Published code keeps all: a run that
 * keeps to it has as many as a document takes.
 */
export function historyLength(selection: SelectionOptions): number {
  return isPublished(selection) ? LONG_HISTORY_LENGTH : HISTORY_LENGTH;
}

/**
 * One client's record after one outcome (FedLesScan's history, references in its strategy): a success clears
 * the cooldown; a miss or failure starts it at 1 and doubles it, up to the length of a run; a late report
 * takes its miss back and brings its time, also where its update has expired, but leaves the cooldown. A miss
 * that nothing is heard of stays. An invocation that goes on is counted and keeps its client busy; a later
 * round says what became of it.
 *
 * @param keep entries of each history, see `historyLength`.
 */
export function foldOutcome(record: RosterRecord, outcome: Outcome, keep = HISTORY_LENGTH): RosterRecord {
  const observed = {
    trainMsHistory: appended(record.trainMsHistory, outcome.trainMs, keep),
    coldStartMsHistory: appended(record.coldStartMsHistory, outcome.coldStartMs, keep),
    ...seen(record, outcome),
    ...signalled(record, outcome),
    ...paced(record, outcome),
    ...(outcome.labelShares === undefined ? {} : { labelShares: outcome.labelShares }),
  };
  switch (outcome.result) {
    case "late":
      return {
        ...able(record),
        ...observed,
        missedRounds: record.missedRounds.filter((round) => round !== outcome.round),
        // Invited again since, it may still be at work on that.
        busyUntilAt: record.lastSelectedRound === outcome.round ? null : record.busyUntilAt,
      };
    case "goes-on":
      return { ...invoked(record, outcome), ...observed, busyUntilAt: outcome.busyUntilAt };
    case "in-time":
      return { ...invoked(able(record), outcome), ...observed, cooldownRounds: 0, busyUntilAt: null };
    case "rejected":
    case "failed":
    case "missed":
      return {
        ...invoked(outcome.result === "missed" ? record : able(record), outcome),
        ...observed,
        ...(outcome.cannot === undefined ? {} : { cannot: { ...outcome.cannot, round: outcome.round } }),
        missedRounds: appended(record.missedRounds, outcome.round, keep),
        cooldownRounds: Math.min(MAX_ROUND, Math.max(1, record.cooldownRounds * 2)),
        busyUntilAt: outcome.busyUntilAt,
      };
  }
}

/** What it could not do, it has done since, or it fails in another way. */
function able({ cannot: _, ...record }: RosterRecord): RosterRecord {
  return record;
}

/** Once for each invocation: one that went on is decided by a later round. */
function invoked(record: RosterRecord, outcome: Outcome): RosterRecord {
  if (record.lastSelectedRound === outcome.round) return record;
  return { ...record, invocations: record.invocations + 1, lastSelectedRound: outcome.round };
}

/** Reports come in any order: a late one may be older than what is known. */
function seen(record: RosterRecord, { reportedAt }: Outcome): Pick<RosterRecord, "lastSeenAt"> {
  if (reportedAt === undefined || reportedAt === null) return {};
  return { lastSeenAt: Math.max(record.lastSeenAt ?? reportedAt, reportedAt) };
}

function paced({ pace }: RosterRecord, { epochs, trainMs }: Outcome): Pick<RosterRecord, "pace"> {
  return epochs === undefined || trainMs === null ? {} : { pace: learnedPace(pace, epochs, trainMs) };
}

/** The newest value of each signal. Where the strategy has come to read others, the newest names. */
function signalled(record: RosterRecord, { signals, reportedAt }: Outcome): Pick<RosterRecord, "signals"> {
  if (signals === undefined) return {};
  const known = record.signals ?? {};
  const isNewest = (reportedAt ?? Infinity) >= (record.lastSeenAt ?? 0);
  const [newer, older] = isNewest ? [signals, known] : [known, signals];
  const others = Object.entries(older).filter(([name]) => !Object.hasOwn(newer, name));
  return {
    signals: Object.fromEntries([...Object.entries(newer), ...others].slice(0, MAX_SIGNALS_READ)),
  };
}

function appended(history: readonly number[], value: number | null, keep: number): number[] {
  return value === null ? [...history] : [...history, value].slice(-keep);
}
