// The Store over Firestore. Thin: it moves typed values in and out and decides nothing.

import type {
  Firestore,
  Transaction as FirestoreTransaction,
  Query,
  QueryDocumentSnapshot,
} from "@google-cloud/firestore";
import { FlError } from "../../core/errors.ts";
import {
  type ActedOn,
  type Listing,
  type Page,
  type PageRequest,
  placeOf,
  type Ref,
  refs,
  type Store,
  type Transaction,
  type UnreadableDocument,
} from "../../core/ports/store.ts";
import { Client, Labels } from "../../core/schemas/client.ts";
import { RoundFigures } from "../../core/schemas/figures.ts";
import { roundKey } from "../../core/schemas/ids.ts";
import { ClientCode } from "../../core/schemas/ownCode.ts";
import type { ChangedClient, RosterShard } from "../../core/schemas/roster.ts";
import { type Outcome, Round } from "../../core/schemas/round.ts";
import type { Run } from "../../core/schemas/run.ts";
import { isOpen, isWanted, type RunFilter } from "../../core/schemas/runFilter.ts";
import type { Step } from "../../core/steps.ts";
import { once } from "../once.ts";
import { emitStep, step } from "../steps.ts";
import { decodeCursor, encodeCursor, InstantCursor, NameCursor } from "./cursor.ts";
import { fromDocument, fromDocuments, toDocument } from "./documents.ts";
import { fromFirestore } from "./errors.ts";
import { fieldsOf } from "./fieldsOf.ts";
import { momentMs } from "./momentMs.ts";

export interface StoreOptions {
  readonly projectId: string;
  /** "(default)" where it has no other name. */
  readonly databaseId: string;
  /** Called with each damaged document that a listing leaves out. */
  readonly onUnreadable?: (document: UnreadableDocument) => void;
}

/**
 * Writes in one batch: a request may be 10 MiB, and the largest of these documents, an invocation, is below
 * 20 KiB.
 */
const BATCH_SIZE = 200;

/** Documents that a filtered page reads at most, and in one go. */
const [MAX_SEARCHED, SEARCHED_AT_ONCE] = [500, 100];

/** The part of a client that a roster needs. */
const Changed = Client.pick({ clientId: true, retired: true, updatedAt: true }).extend({
  // A client whose labels are damaged has none: it must not stop those who ask for none.
  labels: Labels.catch({}),
  cannot: Client.shape.cannot.catch(undefined),
  code: ClientCode.optional().catch(undefined),
});

const FiguresAndOutcomes = RoundFigures.extend({ outcomes: Round.shape.outcomes });

/** The library, loaded and set up. */
interface Connection {
  readonly db: Firestore;
  readonly documentName: FirebaseFirestore.FieldPath;
  readonly timestamp: (epochMs: number) => unknown;
}

/**
 * Nothing is loaded or asked before the first call: the library is most of a cold start, and a call that is
 * refused does not need it. It is loaded here and nowhere else.
 */
export function connectStore(options: StoreOptions): Store & { close(): Promise<void> } {
  let connection: Connection | undefined;
  const connected = once(async () => {
    connection = await openConnection(options);
    return connection;
  });
  return Object.assign(new FirestoreStore(connected, options.onUnreadable ?? (() => undefined)), {
    close: async () => {
      await connection?.db.terminate();
    },
  });
}

async function openConnection({ projectId, databaseId }: StoreOptions): Promise<Connection> {
  const { Firestore, FieldPath, Timestamp } = await import("@google-cloud/firestore");
  const db = new Firestore({ projectId, databaseId, ignoreUndefinedProperties: true });
  return {
    db,
    documentName: FieldPath.documentId(),
    timestamp: (epochMs) => Timestamp.fromMillis(epochMs),
  };
}

class FirestoreStore implements Store {
  readonly #connected: () => Promise<Connection>;
  readonly #onUnreadable: (document: UnreadableDocument) => void;

  constructor(connected: () => Promise<Connection>, onUnreadable: (document: UnreadableDocument) => void) {
    this.#connected = connected;
    this.#onUnreadable = onUnreadable;
  }

  get<T>(ref: Ref<T>): Promise<T | null> {
    return this.#calling("read", async ({ db }) => {
      const snapshot = await db.doc(ref.path).get();
      const fields = snapshot.data();
      return fields === undefined ? null : fromDocument(ref, fields);
    });
  }

  getAll<T>(wanted: readonly Ref<T>[]): Promise<(T | null)[]> {
    if (wanted.length === 0) return Promise.resolve([]);
    return this.#calling("read", async ({ db }) => {
      const snapshots = await db.getAll(...wanted.map((ref) => db.doc(ref.path)));
      return valuesOf(wanted, snapshots);
    });
  }

  list<T>(wanted: readonly Ref<T>[]): Promise<Listing<T>> {
    if (wanted.length === 0) return Promise.resolve({ items: [], unreadable: [] });
    return this.#calling("read", async ({ db }) => {
      const snapshots = await db.getAll(...wanted.map((ref) => db.doc(ref.path)));
      const found = wanted.flatMap((ref, index) => {
        const fields = snapshots[index]?.data();
        return fields === undefined ? [] : [{ ref, fields }];
      });
      return fromDocuments(found, this.#onUnreadable);
    });
  }

  async transact<R>(named: Step, body: (transaction: Transaction) => Promise<R>): Promise<R> {
    let writes = 0; // Without any, nothing is done that outlives this instance.
    const result = await this.#calling("transaction", (connection) =>
      connection.db.runTransaction(
        async (transaction) => {
          writes = 0;
          const made = await body(transactionOn(connection, transaction, () => writes++));
          if (writes > 0) emitStep(named, "before"); // The commit; what was read is locked.
          return made;
        },
        { maxAttempts: 5 },
      ),
    );
    if (writes > 0) emitStep(named, "after");
    return result;
  }

  async setAll<T>(
    named: Step,
    documents: readonly { readonly ref: Ref<T>; readonly value: T }[],
  ): Promise<void> {
    if (documents.length === 0) return;
    await step(named, () => this.#setAll(documents));
  }

  #setAll<T>(documents: readonly { readonly ref: Ref<T>; readonly value: T }[]): Promise<void> {
    return this.#calling("write", async ({ db, timestamp }) => {
      for (let start = 0; start < documents.length; start += BATCH_SIZE) {
        const batch = db.batch();
        for (const { ref, value } of documents.slice(start, start + BATCH_SIZE)) {
          batch.set(db.doc(ref.path), toDocument(ref, value, timestamp));
        }
        await batch.commit();
      }
    });
  }

  listClients(page: PageRequest) {
    const queryOf = (db: Firestore) => db.collection("clients").where("retired", "==", false);
    return this.#pageByName(queryOf, page, (id) => refs.client(id));
  }

  async *clientsChangedSince(
    asOfAt: number,
    onUnreadable: (document: UnreadableDocument) => void = () => undefined,
  ): AsyncIterable<ChangedClient> {
    const documents = this.#streaming(({ db, timestamp }) =>
      // Their other fields may be long, and are not asked for.
      db
        .collection("clients")
        .where("updatedAt", ">", timestamp(asOfAt))
        .select("retired", "updatedAt", "labels", "code", "cannot", "schemaVersion"),
    );
    for await (const snapshot of documents) {
      const ref = { ...refs.client(snapshot.id), schema: Changed };
      const fields = { ...snapshot.data(), clientId: snapshot.id };
      const { items, unreadable } = fromDocuments([{ ref, fields }], this.#onUnreadable);
      unreadable.forEach(onUnreadable);
      yield* items;
    }
  }

  listRuns(page: PageRequest, filter: RunFilter = {}) {
    const wanted = isOpen(filter) ? undefined : (run: Run) => isWanted(run, filter);
    return this.#newestFirst("runs", "createdAt", page, (id) => refs.run(id), wanted);
  }

  listActions(about: ActedOn, page: PageRequest) {
    return this.#newestFirst(`${placeOf(about)}/actions`, "doneAt", page, (id) => refs.action(about, id));
  }

  /**
   * A page of a collection by one of its moments. Where only some are wanted they are looked for in a bounded
   * number of documents, some at once.
   */
  #newestFirst<T>(
    collection: string,
    moment: string,
    page: PageRequest,
    refOf: (id: string) => Ref<T>,
    wanted?: (item: T) => boolean,
  ): Promise<Page<T>> {
    return this.#calling("query", async ({ db, documentName, timestamp }) => {
      let query: Query = db.collection(collection).orderBy(moment, "desc").orderBy(documentName, "desc");
      if (page.cursor !== undefined) {
        const [at, id] = decodeCursor(page.cursor, InstantCursor);
        query = query.startAfter(timestamp(at), id);
      }
      const most = wanted === undefined ? page.limit : MAX_SEARCHED;
      const items: T[] = [];
      const unreadable: UnreadableDocument[] = [];
      for (let read = 0; ; ) {
        const asked = wanted === undefined ? most : Math.min(SEARCHED_AT_ONCE, most - read);
        const { docs } = await query.limit(asked).get();
        read += docs.length;
        for (const document of docs) {
          const found = this.#readable([document], refOf);
          items.push(...found.items.filter((item) => wanted?.(item) ?? true));
          unreadable.push(...found.unreadable);
          if (items.length === page.limit || (read === most && document === docs.at(-1))) {
            return { items, unreadable, nextCursor: encodeCursor([momentMs(document, moment), document.id]) };
          }
        }
        const last = docs.at(-1);
        if (last === undefined || docs.length < asked) return { items, unreadable, nextCursor: null };
        query = query.startAfter(last);
      }
    });
  }

  changesOf(runId: string, cursor: string | undefined) {
    return this.#calling("query", async (connection) => {
      const { readChanges } = await import("./runChanges.ts"); // The api alone follows runs.
      return readChanges(runId, cursor, { ...connection, onUnreadable: this.#onUnreadable });
    });
  }

  runsTeaching(group: string, limit: number) {
    return this.#calling("query", async ({ db, documentName }) => {
      const query = db.collection("runs").where("teaches", "==", group).orderBy(documentName);
      const { docs } = await query.limit(limit + 1).get();
      const hasMore = docs.length > limit;
      return { ...this.#readable(docs.slice(0, limit), (id) => refs.run(id)), hasMore };
    });
  }

  unsweptRuns() {
    return this.#calling("query", async ({ db }) => {
      const { docs } = await db.collection("runs").where("swept", "==", false).get();
      return this.#readable(docs, (id) => refs.run(id)).items.toSorted((a, b) =>
        a.runId < b.runId ? -1 : 1,
      );
    });
  }

  unscoredRounds(runId: string) {
    return this.#calling("query", async ({ db }) => {
      const rounds = db.collection(`runs/${runId}/rounds`);
      const { docs } = await rounds
        .where("status", "==", "closed")
        .where("loss", "==", null)
        .where("unscoredReason", "==", null)
        .get();
      return this.#readable(docs, (id) => refs.round(runId, Number(id))).items.toSorted(
        (a, b) => a.round - b.round,
      );
    });
  }

  async *roundFigures(
    runId: string,
    { from, to }: { readonly from: number; readonly to: number },
    withOutcomes: boolean,
  ) {
    const schema = withOutcomes ? FiguresAndOutcomes : RoundFigures;
    const documents = this.#streaming(({ db, documentName }) =>
      db
        .collection(`runs/${runId}/rounds`)
        .where(documentName, ">=", roundKey(from))
        .where(documentName, "<=", roundKey(to))
        .orderBy(documentName)
        .select(...fieldsOf(schema)),
    );
    for await (const snapshot of documents) {
      const ref: Ref<RoundFigures & { outcomes?: Outcome[] }> = {
        ...refs.round(runId, Number(snapshot.id)),
        schema,
      };
      yield* fromDocuments([{ ref, fields: snapshot.data() }], this.#onUnreadable).items;
    }
  }

  listRounds(runId: string, page: PageRequest) {
    const queryOf = (db: Firestore) => db.collection(`runs/${runId}/rounds`);
    return this.#pageByName(queryOf, page, (id) => refs.round(runId, Number(id)));
  }

  listEvaluations(runId: string, page: PageRequest) {
    const queryOf = (db: Firestore) => db.collection(`runs/${runId}/evaluations`);
    return this.#pageByName(queryOf, page, (id) => refs.evaluation(runId, Number(id)));
  }

  listInvocations(runId: string, round: number, page: PageRequest) {
    const queryOf = (db: Firestore) => invocationsOf(db, runId, round);
    return this.#pageByName(queryOf, page, (id) => refs.invocation(runId, round, id));
  }

  invocationFigures(runId: string, range: { readonly from: number; readonly to: number }, page: PageRequest) {
    return this.#calling("query", async (connection) => {
      const { readWindow } = await import("./invocationReads.ts"); // The api alone shows many rounds.
      return readWindow(runId, range, page, { ...connection, onUnreadable: this.#onUnreadable });
    });
  }

  clientInvocations(clientId: string, page: PageRequest) {
    return this.#calling("query", async (connection) => {
      const { readClientInvocations } = await import("./invocationReads.ts");
      return readClientInvocations(clientId, page, { ...connection, onUnreadable: this.#onUnreadable });
    });
  }

  countInvocations(runId: string, round: number, statuses: readonly string[]) {
    return this.#calling("query", async ({ db }) => {
      const query = invocationsOf(db, runId, round).where("status", "in", [...statuses]);
      return (await query.count().get()).data().count;
    });
  }

  invocationsByStatus(runId: string, round: number, statuses: readonly string[]) {
    return this.#calling("query", async ({ db }) => {
      const query = invocationsOf(db, runId, round).where("status", "in", [...statuses]);
      return this.#readable((await query.get()).docs, (id) =>
        refs.invocation(runId, round, id),
      ).items.toSorted((a, b) => (a.clientId < b.clientId ? -1 : 1));
    });
  }

  async *rosterShards(runId: string): AsyncIterable<RosterShard> {
    const documents = this.#streaming(({ db }) => db.collection(`runs/${runId}/roster`).orderBy("shard"));
    for await (const snapshot of documents)
      yield fromDocument(refs.rosterShard(runId, Number(snapshot.id)), snapshot.data());
  }

  /** The documents of a query as they arrive, never all in memory. */
  async *#streaming(queryOf: (connection: Connection) => Query): AsyncIterable<QueryDocumentSnapshot> {
    try {
      const documents: AsyncIterable<unknown> = queryOf(await this.#connected()).stream();
      for await (const snapshot of documents) yield snapshot as QueryDocumentSnapshot;
    } catch (error) {
      throw fromFirestore(error, "query");
    }
  }

  #pageByName<T>(
    queryOf: (db: Firestore) => Query,
    page: PageRequest,
    refOf: (id: string) => Ref<T>,
  ): Promise<Page<T>> {
    return this.#calling("query", async ({ db, documentName }) => {
      let ordered = queryOf(db).orderBy(documentName);
      if (page.cursor !== undefined) ordered = ordered.startAfter(decodeCursor(page.cursor, NameCursor)[0]);
      const { docs } = await ordered.limit(page.limit).get();
      const last = docs.at(-1);
      return {
        ...this.#readable(docs, refOf),
        nextCursor: docs.length === page.limit && last !== undefined ? encodeCursor([last.id]) : null,
      };
    });
  }

  #readable<T>(docs: readonly QueryDocumentSnapshot[], refOf: (id: string) => Ref<T>): Listing<T> {
    return fromDocuments(
      docs.map((snapshot) => ({ ref: refOf(snapshot.id), fields: snapshot.data() })),
      this.#onUnreadable,
    );
  }

  async #calling<R>(what: string, call: (connection: Connection) => Promise<R>): Promise<R> {
    try {
      return await call(await this.#connected());
    } catch (error) {
      throw fromFirestore(error, what);
    }
  }
}

function valuesOf<T>(
  wanted: readonly Ref<T>[],
  snapshots: readonly { data(): FirebaseFirestore.DocumentData | undefined }[],
): (T | null)[] {
  return wanted.map((ref, index) => {
    const fields = snapshots[index]?.data();
    return fields === undefined ? null : fromDocument(ref, fields);
  });
}

function transactionOn(
  { db, timestamp }: Connection,
  transaction: FirestoreTransaction,
  onWrite: () => void,
): Transaction {
  return {
    get: async (ref) => {
      const fields = (await unlessExhausted(transaction.get(db.doc(ref.path)))).data();
      return fields === undefined ? null : fromDocument(ref, fields);
    },
    getAll: async (wanted) => {
      if (wanted.length === 0) return [];
      const documents = wanted.map((ref) => db.doc(ref.path));
      return valuesOf(wanted, await unlessExhausted(transaction.getAll(...documents)));
    },
    create: (ref, value) => {
      onWrite();
      transaction.create(db.doc(ref.path), toDocument(ref, value, timestamp));
    },
    set: (ref, value) => {
      onWrite();
      transaction.set(db.doc(ref.path), toDocument(ref, value, timestamp));
    },
  };
}

/**
 * After this error the library would wait for 30 to 90 s before the transaction is tried again; the caller
 * knows better.
 */
async function unlessExhausted<T>(read: Promise<T>): Promise<T> {
  try {
    return await read;
  } catch (error) {
    const known = fromFirestore(error, "read");
    throw known instanceof FlError && known.code === "resource-exhausted" ? known : error;
  }
}

function invocationsOf(db: Firestore, runId: string, round: number) {
  return db.collection(`runs/${runId}/rounds/${roundKey(round)}/invocations`);
}
