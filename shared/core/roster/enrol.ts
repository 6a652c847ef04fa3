// The roster of a run and the clients that came and went since: shard by shard, because a run may have
// 100,000 clients and the functions that read their roster have 512 MiB.

import type { RosterEntry } from "../methods/selection/strategy.ts";
import { type ChangedClient, type RosterRecord, type RosterShard, SHARD_SIZE } from "../schemas/roster.ts";

/**
 * Clocks of two instances may differ: changed clients are looked up from so long before the roster's last
 * look.
 */
export const LOOK_BACK_MS = 60_000;

/**
 * A shard as it is to be, and as it was read; null for a new one. The same object where nothing has changed.
 */
export interface EnrolledShard {
  readonly seen: RosterShard | null;
  readonly shard: RosterShard;
}

const NONE: readonly number[] = Object.freeze([]);

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
 * Takes the shards of a roster in their order, the last one apart, and gives them with the clients that came
 * and without those that left.
 */
class Enrolment {
  readonly #runId: string;
  /** Those that were registered or changed. */
  readonly #changed = new Map<string, ChangedClient>();
  readonly #newcomers = new Set<string>();
  readonly #retired = new Set<string>();

  /** @param changed of two entries of one client the later counts. */
  constructor(runId: string, changed: Iterable<ChangedClient>) {
    this.#runId = runId;
    for (const client of changed) {
      const { clientId, retired } = client;
      this.#changed.set(clientId, client);
      (retired ? this.#retired : this.#newcomers).add(clientId);
      (retired ? this.#newcomers : this.#retired).delete(clientId);
    }
  }

  /** A shard that is not the last. */
  pass(shard: RosterShard): RosterShard {
    const ids = Object.keys(shard.clients);
    for (const clientId of ids) this.#newcomers.delete(clientId); // Known already.
    if (!ids.some((clientId) => this.#changed.has(clientId))) return shard;
    let isSame = true;
    const clients = Object.entries(shard.clients).flatMap(([clientId, record]) => {
      const next = this.#retired.has(clientId) ? null : this.#renewed(clientId, record, shard.foldedRound);
      isSame &&= next === record;
      return next === null ? [] : [[clientId, next] as const];
    });
    return isSame ? shard : { ...shard, clients: Object.fromEntries(clients) };
  }

  /**
   * A client that has changed since it was found unable is invited again, unless its last check has found the
   * same.
   */
  #renewed(clientId: string, record: RosterRecord, foldedRound: number): RosterRecord {
    const client = this.#changed.get(clientId);
    if (client === undefined) return record;
    const { cannot, ...able } = record;
    const found = client.cannot;
    const isOurs = found !== undefined && (found.runId === null || found.runId === this.#runId);
    // Of an earlier change nothing is known any more.
    if (isOurs && found.at === client.updatedAt && found.at > (cannot?.at ?? 0)) {
      return { ...able, cannot: { reason: found.reason, at: found.at, round: foldedRound } };
    }
    return cannot === undefined || client.updatedAt <= cannot.at ? record : able;
  }

  /** The last shard, with newcomers while it has room, and new ones for the rest. */
  *finish(last: RosterShard | undefined): Iterable<EnrolledShard> {
    const open = last === undefined ? undefined : this.pass(last);
    const foldedRound = last?.foldedRound ?? 0;
    const newcomers = [...this.#newcomers].sort();
    let next = 0;
    const take = (room: number) => {
      const taken = newcomers.slice(next, next + room);
      next += taken.length;
      return taken.map((clientId) => [clientId, this.#renewed(clientId, NEWCOMER, foldedRound)] as const);
    };
    if (open !== undefined && last !== undefined) {
      const joining = take(SHARD_SIZE - Object.keys(open.clients).length);
      const clients = { ...open.clients, ...Object.fromEntries(joining) };
      yield { seen: last, shard: joining.length === 0 ? open : { ...open, clients } };
    }
    for (let shard = open === undefined ? 0 : open.shard + 1; next < newcomers.length; shard++) {
      const clients = Object.fromEntries(take(SHARD_SIZE));
      yield { seen: null, shard: { runId: this.#runId, shard, foldedRound: 0, clients } };
    }
  }
}

/**
 * The roster with the clients that were registered or retired since it was last written: newcomers join the
 * last shard while it has room, then a new one; retired clients leave. No more than one shard is held.
 *
 * @param shards in their order.
 */
export async function* enrolled(
  runId: string,
  shards: AsyncIterable<RosterShard>,
  changed: Iterable<ChangedClient>,
): AsyncIterable<EnrolledShard> {
  const enrolment = new Enrolment(runId, changed);
  let last: RosterShard | undefined;
  for await (const shard of shards) {
    if (last !== undefined) yield { seen: last, shard: enrolment.pass(last) };
    last = shard;
  }
  yield* enrolment.finish(last);
}

/**
 * `enrolled` of a roster that is held whole. @returns the same shards, those without a change being the same
 * objects.
 */
export function enrol(
  runId: string,
  shards: readonly RosterShard[],
  changed: readonly ChangedClient[],
): readonly RosterShard[] {
  const enrolment = new Enrolment(runId, changed);
  const passed = shards.slice(0, -1).map((shard) => enrolment.pass(shard));
  return [...passed, ...[...enrolment.finish(shards.at(-1))].map(({ shard }) => shard)];
}

/** The roster as schedulers take it: one entry per client, in order of name. */
export function rosterEntries(shards: readonly RosterShard[]): readonly RosterEntry[] {
  return inOrder(shards.flatMap(shardEntries));
}

/** The entries of one shard, which hold nothing of it but its histories. */
export function shardEntries({ clients }: RosterShard): RosterEntry[] {
  return Object.entries(clients).map(([clientId, record]) => ({
    clientId,
    invocations: record.invocations,
    trainMsHistory: kept(record.trainMsHistory),
    coldStartMsHistory: kept(record.coldStartMsHistory),
    missedRounds: kept(record.missedRounds),
    cooldownRounds: record.cooldownRounds,
    lastSelectedRound: record.lastSelectedRound,
    busyUntilMs: record.busyUntilAt,
    lastSeenMs: record.lastSeenAt ?? null,
    ...(record.signals === undefined ? {} : { signals: record.signals }),
    ...(record.labelShares === undefined ? {} : { labelShares: record.labelShares }),
    ...(record.pace === undefined ? {} : { pace: record.pace }),
    ...(record.cannot === undefined ? {} : { cannot: record.cannot }),
  }));
}

/** By name, in place. */
export function inOrder(entries: RosterEntry[]): readonly RosterEntry[] {
  return entries.sort((a, b) => (a.clientId < b.clientId ? -1 : 1));
}

/** Most clients of a large roster have no history: they share one. */
function kept(history: readonly number[]): readonly number[] {
  return history.length === 0 ? NONE : history;
}
