// Everything that is durable of one run, as plain frozen values: its documents, and what lies in the bucket.
import { unansweredCost } from "../../../../shared/core/cost/clientCall.ts";
import { invocationCost } from "../../../../shared/core/cost/cost.ts";
import { priceTables } from "../../../../shared/core/cost/prices.ts";
import { updateKey } from "../../../../shared/core/round/inbox.ts";
import type { Client } from "../../../../shared/core/schemas/client.ts";
import type { Invocation, InvocationStatus } from "../../../../shared/core/schemas/invocation.ts";
import type { RosterShard } from "../../../../shared/core/schemas/roster.ts";
import type { Round, UpdateId } from "../../../../shared/core/schemas/round.ts";
import type { Run } from "../../../../shared/core/schemas/run.ts";
import { deepFreeze } from "../../../support/builders.ts";
import type { Documents } from "../invariants.ts";

/** What the instances of the aggregator and the evaluator have. */
export const CAPACITY = { memoryMib: 512, vcpu: 1 } as const;

export class State {
  #clients: readonly Client[];
  #shards: readonly RosterShard[] = [];
  #run: Run;
  #documents: Documents | null = null;
  #rounds: ReadonlyMap<number, Round> = new Map();
  #invocations: ReadonlyMap<string, Invocation> = new Map();
  #models: ReadonlyMap<number, readonly string[]> = new Map();
  #modelWriters: ReadonlyMap<number, number> = new Map();
  #updates: ReadonlySet<string> = new Set();

  constructor(run: Run, clients: readonly Client[]) {
    this.#run = deepFreeze(run);
    this.#clients = deepFreeze([...clients]);
  }

  /** As they are now; later steps do not change them. The same object as long as nothing changes. */
  documents(): Documents {
    this.#documents ??= {
      run: this.#run,
      rounds: [...this.#rounds.values()],
      invocations: [...this.#invocations.values()],
      shards: this.#shards,
      clients: this.#clients,
      models: this.#models,
      updates: this.#updates,
    };
    return this.#documents;
  }

  /** All that were ever registered. */
  get clients(): readonly Client[] {
    return this.#clients;
  }

  /** One that is registered leaves, one that has left comes back. */
  toggleClient(clientId: string, nowMs: number): void {
    this.#documents = null;
    this.#clients = this.#clients.map((client) =>
      client.clientId === clientId
        ? deepFreeze({
            ...client,
            retired: !client.retired,
            ...(client.retired ? { registeredAt: nowMs } : {}),
            updatedAt: nowMs,
          })
        : client,
    );
  }

  get shards(): readonly RosterShard[] {
    return this.#shards;
  }

  setShards(shards: readonly RosterShard[]): void {
    this.#shards = deepFreeze([...shards]);
    this.#documents = null;
  }

  get run(): Run {
    return this.#run;
  }

  setRun(run: Run): void {
    this.#documents = null;
    this.#run = deepFreeze(run);
  }

  get rounds(): ReadonlyMap<number, Round> {
    return this.#rounds;
  }

  round(number: number): Round {
    const round = this.#rounds.get(number);
    if (round === undefined) throw new Error(`There is no round ${number}.`);
    return round;
  }

  setRound(round: Round): void {
    this.#documents = null;
    this.#rounds = new Map(this.#rounds).set(round.round, deepFreeze(round));
  }

  invocation(round: number, clientId: string): Invocation {
    const invocation = this.#invocations.get(`${round}/${clientId}`);
    if (invocation === undefined) throw new Error(`There is no invocation of ${clientId} in round ${round}.`);
    return invocation;
  }

  /**
   * All invocations of a round, or those with one of these statuses, by client name: of a relay those whose
   * turn has come.
   */
  invocationsOf(round: Round, statuses?: readonly InvocationStatus[]): Invocation[] {
    const isThere = (clientId: string) => this.#invocations.has(`${round.round}/${clientId}`);
    const invited = round.relay === undefined ? round.cohort : round.cohort.filter(isThere);
    const all = invited.map((clientId) => this.invocation(round.round, clientId));
    return statuses === undefined ? all : all.filter(({ status }) => statuses.includes(status));
  }

  /** The invocations of earlier rounds that a buffered round waits for, or those with one of these statuses. */
  carriedBy({ carried = [] }: Round, statuses?: readonly InvocationStatus[]): Invocation[] {
    const all = carried.map(({ round, clientId }) => this.invocation(round, clientId));
    return statuses === undefined ? all : all.filter(({ status }) => statuses.includes(status));
  }

  setInvocation(invocation: Invocation): void {
    this.#documents = null;
    const key = `${invocation.round}/${invocation.clientId}`;
    this.#invocations = new Map(this.#invocations).set(key, deepFreeze(invocation));
  }

  /**
   * The keys of the updates that a version was made of; every write is another array, as with generations.
   */
  model(version: number): readonly string[] | undefined {
    return this.#models.get(version);
  }

  /** The round whose aggregator wrote a version. */
  modelWrittenBy(version: number): number | undefined {
    return this.#modelWriters.get(version);
  }

  writeModel(version: number, updateKeys: readonly string[], round: number): void {
    this.#documents = null;
    this.#modelWriters = new Map(this.#modelWriters).set(version, round);
    this.#models = new Map(this.#models).set(version, deepFreeze([...updateKeys]));
  }

  hasUpdate(update: UpdateId): boolean {
    return this.#updates.has(updateKey(update));
  }

  upload(update: UpdateId): void {
    this.#documents = null;
    this.#updates = new Set(this.#updates).add(updateKey(update));
  }

  /** Removes the updates whose keys fulfil the condition. */
  removeUpdates(goes: (key: string) => boolean): void {
    this.#documents = null;
    this.#updates = new Set([...this.#updates].filter((key) => !goes(key)));
  }
}

/** What a call costs at most that was claimed and has not answered. */
export function estimateUsd(nowMs: number): (invocation: Invocation) => number {
  return (invocation) => unansweredCost(invocation, nowMs, priceTables["cloud-run-2026"]);
}

export function costUsd(durationMs: number, capacity: { readonly memoryMib: number; readonly vcpu: number }) {
  return invocationCost({ durationMs, ...capacity }, priceTables["cloud-run-2026"]);
}
