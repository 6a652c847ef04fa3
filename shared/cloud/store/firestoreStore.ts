// The Store over Firestore. Thin: it moves typed values in and out and decides nothing.
import type {
  Firestore,
  Transaction as FirestoreTransaction,
  Query,
  QueryDocumentSnapshot,
} from "@google-cloud/firestore";
import {
  type Page,
  type PageRequest,
  type Ref,
  refs,
  type Store,
  type Transaction,
} from "../../core/ports/store.ts";
import { roundKey } from "../../core/schemas/ids.ts";
import type { Step } from "../../core/steps.ts";
import { reached, taking } from "../steps.ts";
import { decodeCursor, encodeCursor, InstantCursor, NameCursor } from "./cursor.ts";
import { fromDocument, toDocument } from "./documents.ts";
import { fromFirestore } from "./errors.ts";

export interface StoreOptions {
  readonly projectId: string;
  /** "(default)" unless the deployment has a database of another name. */
  readonly databaseId?: string;
}

/** Writes in one batch: a request may be 10 MiB, and the largest of these documents, an invocation, is below 20 KiB. */
const BATCH_SIZE = 200;

/** Connects on first use. The library is loaded here and nowhere else, because loading it is most of a cold start. */
export async function connectStore(options: StoreOptions): Promise<Store & { close(): Promise<void> }> {
  const { Firestore, FieldPath, Timestamp } = await import("@google-cloud/firestore");
  const db = new Firestore({
    projectId: options.projectId,
    databaseId: options.databaseId ?? "(default)",
    ignoreUndefinedProperties: true,
  });
  const store = new FirestoreStore(db, FieldPath.documentId(), (epochMs) => Timestamp.fromMillis(epochMs));
  return Object.assign(store, { close: () => db.terminate() });
}

class FirestoreStore implements Store {
  readonly #db: Firestore;
  readonly #documentName: FirebaseFirestore.FieldPath;
  readonly #timestamp: (epochMs: number) => unknown;

  constructor(
    db: Firestore,
    documentName: FirebaseFirestore.FieldPath,
    timestamp: (epochMs: number) => unknown,
  ) {
    this.#db = db;
    this.#documentName = documentName;
    this.#timestamp = timestamp;
  }

  get<T>(ref: Ref<T>): Promise<T | null> {
    return calling("read", async () => {
      const snapshot = await this.#db.doc(ref.path).get();
      const fields = snapshot.data();
      return fields === undefined ? null : fromDocument(ref, fields);
    });
  }

  getAll<T>(wanted: readonly Ref<T>[]): Promise<(T | null)[]> {
    if (wanted.length === 0) return Promise.resolve([]);
    return calling("read", async () => {
      const snapshots = await this.#db.getAll(...wanted.map((ref) => this.#db.doc(ref.path)));
      return valuesOf(wanted, snapshots);
    });
  }

  async transact<R>(step: Step, body: (transaction: Transaction) => Promise<R>): Promise<R> {
    let writes = 0; // Without any, nothing is done that outlives this instance.
    const result = await calling("transaction", () =>
      this.#db.runTransaction(
        async (transaction) => {
          writes = 0;
          const made = await body(this.#transaction(transaction, () => writes++));
          if (writes > 0) reached(step, "before"); // The commit; what was read is locked.
          return made;
        },
        { maxAttempts: 5 },
      ),
    );
    if (writes > 0) reached(step, "after");
    return result;
  }

  #transaction(transaction: FirestoreTransaction, onWrite: () => void): Transaction {
    return {
      get: async (ref) => {
        const fields = (await transaction.get(this.#db.doc(ref.path))).data();
        return fields === undefined ? null : fromDocument(ref, fields);
      },
      getAll: async (wanted) => {
        if (wanted.length === 0) return [];
        return valuesOf(wanted, await transaction.getAll(...wanted.map((ref) => this.#db.doc(ref.path))));
      },
      create: (ref, value) => {
        onWrite();
        transaction.create(this.#db.doc(ref.path), toDocument(ref, value, this.#timestamp));
      },
      set: (ref, value) => {
        onWrite();
        transaction.set(this.#db.doc(ref.path), toDocument(ref, value, this.#timestamp));
      },
    };
  }

  async setAll<T>(
    step: Step,
    documents: readonly { readonly ref: Ref<T>; readonly value: T }[],
  ): Promise<void> {
    if (documents.length === 0) return;
    await taking(step, () => this.#setAll(documents));
  }

  #setAll<T>(documents: readonly { readonly ref: Ref<T>; readonly value: T }[]): Promise<void> {
    return calling("write", async () => {
      for (let start = 0; start < documents.length; start += BATCH_SIZE) {
        const batch = this.#db.batch();
        for (const { ref, value } of documents.slice(start, start + BATCH_SIZE)) {
          batch.set(this.#db.doc(ref.path), toDocument(ref, value, this.#timestamp));
        }
        await batch.commit();
      }
    });
  }

  listClients(page: PageRequest) {
    const query = this.#db.collection("clients").where("retired", "==", false);
    return this.#pageByName(query, page, (id) => refs.client(id));
  }

  clientsChangedSince(asOfAt: number) {
    return calling("query", async () => {
      const query = this.#db.collection("clients").where("updatedAt", ">", this.#timestamp(asOfAt));
      return (await query.get()).docs.map((snapshot) =>
        fromDocument(refs.client(snapshot.id), snapshot.data()),
      );
    });
  }

  listRuns(page: PageRequest) {
    return calling("query", async () => {
      let query: Query = this.#db
        .collection("runs")
        .orderBy("createdAt", "desc")
        .orderBy(this.#documentName, "desc");
      if (page.cursor !== undefined) {
        const [createdAt, runId] = decodeCursor(page.cursor, InstantCursor);
        query = query.startAfter(this.#timestamp(createdAt), runId);
      }
      const { docs } = await query.limit(page.limit).get();
      const items = docs.map((snapshot) => fromDocument(refs.run(snapshot.id), snapshot.data()));
      const last = items.at(-1);
      const more = items.length === page.limit && last !== undefined;
      return { items, nextCursor: more ? encodeCursor([last.createdAt, last.runId]) : null };
    });
  }

  unsweptRuns() {
    return calling("query", async () => {
      const { docs } = await this.#db.collection("runs").where("swept", "==", false).get();
      return docs
        .map((snapshot) => fromDocument(refs.run(snapshot.id), snapshot.data()))
        .sort((a, b) => (a.runId < b.runId ? -1 : 1));
    });
  }

  unscoredRounds(runId: string) {
    return calling("query", async () => {
      const rounds = this.#db.collection(`runs/${runId}/rounds`);
      const { docs } = await rounds.where("status", "==", "closed").where("accuracy", "==", null).get();
      return docs
        .map((snapshot) => fromDocument(refs.round(runId, Number(snapshot.id)), snapshot.data()))
        .sort((a, b) => a.round - b.round);
    });
  }

  listRounds(runId: string, page: PageRequest) {
    return this.#pageByName(this.#db.collection(`runs/${runId}/rounds`), page, (id) =>
      refs.round(runId, Number(id)),
    );
  }

  listInvocations(runId: string, round: number, page: PageRequest) {
    return this.#pageByName(this.#invocations(runId, round), page, (id) => refs.invocation(runId, round, id));
  }

  countInvocations(runId: string, round: number, statuses: readonly string[]) {
    return calling("query", async () => {
      const query = this.#invocations(runId, round).where("status", "in", [...statuses]);
      return (await query.count().get()).data().count;
    });
  }

  invocationsByStatus(runId: string, round: number, statuses: readonly string[]) {
    return calling("query", async () => {
      const query = this.#invocations(runId, round).where("status", "in", [...statuses]);
      return (await query.get()).docs
        .map((snapshot) => fromDocument(refs.invocation(runId, round, snapshot.id), snapshot.data()))
        .sort((a, b) => (a.clientId < b.clientId ? -1 : 1));
    });
  }

  rosterShards(runId: string) {
    return calling("query", async () => {
      const { docs } = await this.#db.collection(`runs/${runId}/roster`).orderBy("shard").get();
      return docs.map((snapshot) =>
        fromDocument(refs.rosterShard(runId, Number(snapshot.id)), snapshot.data()),
      );
    });
  }

  #invocations(runId: string, round: number) {
    return this.#db.collection(`runs/${runId}/rounds/${roundKey(round)}/invocations`);
  }

  #pageByName<T>(query: Query, page: PageRequest, refOf: (id: string) => Ref<T>): Promise<Page<T>> {
    return calling("query", async () => {
      let ordered = query.orderBy(this.#documentName);
      if (page.cursor !== undefined) ordered = ordered.startAfter(decodeCursor(page.cursor, NameCursor)[0]);
      const { docs } = await ordered.limit(page.limit).get();
      const items = docs.map((snapshot: QueryDocumentSnapshot) =>
        fromDocument(refOf(snapshot.id), snapshot.data()),
      );
      const last = docs.at(-1);
      return {
        items,
        nextCursor: docs.length === page.limit && last !== undefined ? encodeCursor([last.id]) : null,
      };
    });
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

async function calling<R>(what: string, call: () => Promise<R>): Promise<R> {
  try {
    return await call();
  } catch (error) {
    throw fromFirestore(error, what);
  }
}
