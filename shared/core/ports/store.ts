// The port to the database: typed documents, transactions on them, and the few queries that the protocol
// needs.
import type * as z from "zod";
import { upgradedRound } from "../methods/selection/fedlesscan/release01.ts";
import { Action } from "../schemas/action.ts";
import { ClientChecks } from "../schemas/check.ts";
import { Client } from "../schemas/client.ts";
import { ClientState } from "../schemas/clientState.ts";
import { Evaluation } from "../schemas/evaluation.ts";
import type { InvocationFigures, RoundFigures, RunInvocation } from "../schemas/figures.ts";
import { IdempotencyRecord } from "../schemas/idempotency.ts";
import { roundKey } from "../schemas/ids.ts";
import { Invocation, type InvocationStatus } from "../schemas/invocation.ts";
import { type ChangedClient, RosterShard } from "../schemas/roster.ts";
import { type Outcome, Round } from "../schemas/round.ts";
import { Run } from "../schemas/run.ts";
import type { RunFilter } from "../schemas/runFilter.ts";
import { WatchdogLook } from "../schemas/watchdogLook.ts";
import type { Step } from "../steps.ts";

/** A document's place and the schema that everything read from or written to it must fulfil. */
export interface Ref<T> {
  readonly path: string;
  readonly schema: z.ZodType<T>;
  /** What people can do where the document is not as its schema says. */
  readonly remedy: string;
  /** Makes of fields that an earlier release wrote those of this one; the fields as they are where absent. */
  readonly upgrade?: (fields: Readonly<Record<string, unknown>>) => Readonly<Record<string, unknown>>;
}

/**
 * Every document carries it as `schemaVersion`; those of release 0.1 carry none and count as 1. A field that
 * is new, has a default when it is read, and may be passed by leaves the version alone: releases of one
 * version read each other's documents. A change that an older release would misread raises it, and that
 * release refuses the document.
 */
export const SCHEMA_VERSION = 2;

const IN_CONSOLE = "repair these fields in the Firestore console";

/** Every kind of document there is. */
export const refs = {
  client: (clientId: string): Ref<Client> => ({
    path: `clients/${clientId}`,
    schema: Client,
    remedy: `${IN_CONSOLE}, or delete the document there and register the client again; no round invites it before`,
  }),
  run: (runId: string): Ref<Run> => ({
    path: `runs/${runId}`,
    schema: Run,
    remedy: `${IN_CONSOLE}; the run is stalled until then`,
  }),
  round: (runId: string, round: number): Ref<Round> => ({
    path: `runs/${runId}/rounds/${roundKey(round)}`,
    schema: Round,
    remedy: `${IN_CONSOLE}; its run is stalled until then`,
    upgrade: upgradedRound,
  }),
  invocation: (runId: string, round: number, clientId: string): Ref<Invocation> => ({
    path: `runs/${runId}/rounds/${roundKey(round)}/invocations/${clientId}`,
    schema: Invocation,
    remedy: `${IN_CONSOLE}; its round goes on without it`,
  }),
  rosterShard: (runId: string, shard: number): Ref<RosterShard> => ({
    path: `runs/${runId}/roster/${roundKey(shard)}`,
    schema: RosterShard,
    remedy: `${IN_CONSOLE}; its run is stalled until then`,
  }),
  clientState: (runId: string, clientId: string): Ref<ClientState> => ({
    path: `runs/${runId}/client-states/${clientId}`,
    schema: ClientState,
    remedy: `${IN_CONSOLE}, or delete the document there: the client then begins anew with the layers that it keeps for itself`,
  }),
  checks: (clientId: string): Ref<ClientChecks> => ({
    path: `checks/${clientId}`,
    schema: ClientChecks,
    remedy: `${IN_CONSOLE}, or delete the document there; the client can be checked again then`,
  }),
  action: (about: ActedOn, id: string): Ref<Action> => ({
    path: `${placeOf(about)}/actions/${id}`,
    schema: Action,
    remedy: `${IN_CONSOLE}, or delete the document there; nothing else reads it`,
  }),
  evaluation: (runId: string, version: number): Ref<Evaluation> => ({
    path: `runs/${runId}/evaluations/${roundKey(version)}`,
    schema: Evaluation,
    remedy: `${IN_CONSOLE}, or delete the document there; the version can be evaluated again then`,
  }),
  watchdog: (): Ref<WatchdogLook> => ({
    path: "deployment/watchdog",
    schema: WatchdogLook,
    remedy: `${IN_CONSOLE}, or delete the document there; the next look writes it anew`,
  }),
  idempotency: (key: string): Ref<IdempotencyRecord> => ({
    path: `idempotency/${key}`,
    schema: IdempotencyRecord,
    remedy: "use another Idempotency-Key",
  }),
} as const;

/** What people act on. */
export type ActedOn = { readonly runId: string } | { readonly clientId: string };

/** The document of what people act on. */
export function placeOf(about: ActedOn): string {
  return "runId" in about ? refs.run(about.runId).path : refs.client(about.clientId).path;
}

/** One transaction: all reads come first; nothing is written unless all of it is. */
export interface Transaction {
  /** The document, or null when there is none. Locks it until the transaction ends. */
  get<T>(ref: Ref<T>): Promise<T | null>;
  /** Several documents in one round trip, in the order asked. */
  getAll<T>(refs: readonly Ref<T>[]): Promise<(T | null)[]>;
  /** Fails the transaction with `already-exists` when the document is there. */
  create<T>(ref: Ref<T>, value: T): void;
  /** Writes the whole document, there or not. */
  set<T>(ref: Ref<T>, value: T): void;
}

/**
 * A document that is not as its schema says. It affects nothing but itself: listings continue without
 * it.
 */
export interface UnreadableDocument {
  readonly path: string;
  /** The last part of the path. */
  readonly name: string;
  /** What is wrong with it and what to do about it; quotes no value. */
  readonly reason: string;
}

export interface Listing<T> {
  readonly items: readonly T[];
  readonly unreadable: readonly UnreadableDocument[];
}

/** A page of a listing; `nextCursor` is null on the last one. */
export interface Page<T> extends Listing<T> {
  readonly nextCursor: string | null;
}

export interface PageRequest {
  /** 1 to 1,000. */
  readonly limit: number;
  /** `nextCursor` of the page before; absent for the first. */
  readonly cursor?: string | undefined;
}

/** What has changed of a run between two looks. */
export interface RunChanges {
  /** Null where it has not changed. */
  readonly run: Run | null;
  /** Of the last 20, ascending. */
  readonly rounds: readonly RoundFigures[];
  /** Of the last round, and of the one before where that was the last one at the look before. */
  readonly invocations: readonly InvocationFigures[];
  /** For the next look; the same as before where nothing has changed. */
  readonly cursor: string;
}

/**
 * The database. Reads give values that fulfil their schema, or fail with `data-loss` naming the document, the
 * field and a remedy. Keys that the schema does not know are passed by. Whatever lists documents leaves out
 * those that are damaged, and each is logged. Passing faults are retried inside and then reported as
 * `unavailable` or `aborted`; `resource-exhausted` may be reported at once.
 */
export interface Store {
  get<T>(ref: Ref<T>): Promise<T | null>;
  getAll<T>(refs: readonly Ref<T>[]): Promise<(T | null)[]>;
  /** Those of several documents that are there and can be read. */
  list<T>(refs: readonly Ref<T>[]): Promise<Listing<T>>;
  /** Runs `body`, again when a conflicting write came between; so it must have no effect of its own. */
  transact<R>(step: Step, body: (transaction: Transaction) => Promise<R>): Promise<R>;
  /**
   * Writes whole documents without reading them, in batches: only for documents that no other call changes
   * any more.
   */
  setAll<T>(step: Step, documents: readonly { readonly ref: Ref<T>; readonly value: T }[]): Promise<void>;

  /** Clients in order of their names, retired ones left out. */
  listClients(page: PageRequest): Promise<Page<Client>>;
  /**
   * Every client, retired ones too, whose `updatedAt` is greater than `asOfAt`, as they come: there may be
   * 100,000.
   *
   * @param onUnreadable is called with those whose documents lack even this, and which are left out.
   */
  clientsChangedSince(
    asOfAt: number,
    onUnreadable?: (document: UnreadableDocument) => void,
  ): AsyncIterable<ChangedClient>;
  /**
   * Runs, newest first; all of them without a filter. With one, a call looks at 500 runs at most: a page may
   * have fewer items than its limit, and none, while there are further pages.
   */
  listRuns(page: PageRequest, filter?: RunFilter): Promise<Page<Run>>;
  /** What people did to a run or a client, newest first. */
  listActions(about: ActedOn, page: PageRequest): Promise<Page<Action>>;
  /**
   * What has changed of a run since the look that gave the cursor, all of it as of one moment; null where
   * there is no such run. Damaged rounds and invocations are left out.
   */
  changesOf(runId: string, cursor: string | undefined): Promise<RunChanges | null>;
  /**
   * Runs that show their versions to a group, ended ones too, by name: `limit` at most.
   *
   * @returns them, and whether there are more.
   */
  runsTeaching(group: string, limit: number): Promise<Listing<Run> & { readonly hasMore: boolean }>;
  /** Runs that are under way or leave something to clean up, by name. */
  unsweptRuns(): Promise<readonly Run[]>;

  /** The closed rounds of a run that have neither a score nor a reason why not, ascending. */
  unscoredRounds(runId: string): Promise<readonly Round[]>;
  /**
   * Rounds of a run without what is long in them, as they come; the ends are inclusive. Damaged ones are left
   * out.
   *
   * @param withOutcomes whether each has its outcomes.
   */
  roundFigures(
    runId: string,
    range: { readonly from: number; readonly to: number },
    withOutcomes: boolean,
  ): AsyncIterable<RoundFigures & { readonly outcomes?: readonly Outcome[] | undefined }>;
  /** Rounds of a run, first to last. */
  listRounds(runId: string, page: PageRequest): Promise<Page<Round>>;
  /** The last evaluation that was asked for of each version of a run, by version. */
  listEvaluations(runId: string, page: PageRequest): Promise<Page<Evaluation>>;
  /** Invocations of a round by client name. */
  listInvocations(runId: string, round: number, page: PageRequest): Promise<Page<Invocation>>;
  /** Invocations of a window of rounds, both ends inclusive, by round and client. */
  invocationFigures(
    runId: string,
    range: { readonly from: number; readonly to: number },
    page: PageRequest,
  ): Promise<Page<InvocationFigures>>;
  /** Invocations of a client in all runs, the last invited first. */
  clientInvocations(clientId: string, page: PageRequest): Promise<Page<RunInvocation>>;
  /** How many invocations of a round have one of these statuses; a count query, reads no document. */
  countInvocations(runId: string, round: number, statuses: readonly InvocationStatus[]): Promise<number>;
  /** Invocations of a round with one of these statuses, by client name. */
  invocationsByStatus(
    runId: string,
    round: number,
    statuses: readonly InvocationStatus[],
  ): Promise<readonly Invocation[]>;
  /**
   * All shards of a run's roster in their order, as they come; none before its first round. Fails where one
   * of them is damaged.
   */
  rosterShards(runId: string): AsyncIterable<RosterShard>;
}
