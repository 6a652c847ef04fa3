// Reading: documents by name, queries, aggregations and lists; now, at a time of the past, or in a
// transaction.
import { isDeepStrictEqual } from "node:util";
import { FlError } from "../../../shared/core/errors.ts";
import { countReads, type UsageMeter } from "../usageMeter.ts";
import { prepareAggregations } from "./aggregate.ts";
import { type DocumentStore, type DocumentView, historyMicros, type StoredDocument } from "./documents.ts";
import { type Selection, selection } from "./fieldPaths.ts";
import { checkIndexed, type IndexRules } from "./indexes.ts";
import type { DocumentLocks } from "./locks.ts";
import type * as message from "./messages.ts";
import { checkDocumentName, checkParentName } from "./names.ts";
import { type PreparedQuery, prepareQuery } from "./query.ts";
import { fromTimestamp, type Micros, toTimestamp } from "./timestamps.ts";
import type { Transaction, Transactions } from "./transactions.ts";
import { compareNames, compareUtf8 } from "./values.ts";

const defaultPageSize = 300;
const maxQueryTries = 10;

/** Under what a read is made. */
interface ReadContext {
  readonly view: DocumentView;
  /** As of when the results are, to be asked for once they are there. */
  readTime(): message.Timestamp;
  /** The read-write transaction that locks what is read. */
  readonly locking: Transaction | undefined;
  /** The id of the transaction that this read began. */
  readonly begun: Buffer | undefined;
}

export class Reads {
  private readonly store: DocumentStore;
  private readonly locks: DocumentLocks;
  private readonly transactions: Transactions;
  private readonly meter: UsageMeter;
  private readonly indexes: IndexRules;

  constructor(
    store: DocumentStore,
    locks: DocumentLocks,
    transactions: Transactions,
    meter: UsageMeter,
    indexes: IndexRules,
  ) {
    this.indexes = indexes;
    this.meter = meter;
    this.store = store;
    this.locks = locks;
    this.transactions = transactions;
  }

  async getDocument(request: message.GetDocumentRequest, cancelled: AbortSignal): Promise<message.Document> {
    const name = checkDocumentName(request.name);
    const select = selection(request.mask);
    return this.read(request, cancelled, async ({ view, locking }) => {
      if (locking !== undefined) await this.locks.acquire(locking, name);
      const document = view.get(name);
      this.meter.firestore({ reads: 1 });
      if (document === undefined) throw new FlError("not-found", `Document "${name}" not found.`);
      return toMessage(document, select);
    });
  }

  async batchGetDocuments(
    request: message.BatchGetDocumentsRequest,
    cancelled: AbortSignal,
  ): Promise<readonly message.BatchGetDocumentsResponse[]> {
    const names = new Set(request.documents.map(checkDocumentName));
    const select = selection(request.mask);
    return this.read(request, cancelled, async ({ view, readTime, locking, begun }) => {
      if (locking !== undefined) await this.locks.acquireAll(locking, names);
      this.meter.firestore({ reads: names.size });
      const answers = [...names].map((name) => {
        const document = view.get(name);
        return document === undefined
          ? { missing: name, readTime: readTime() }
          : { found: toMessage(document, select), readTime: readTime() };
      });
      return [...announce(begun), ...answers];
    });
  }

  async runQuery(
    request: message.RunQueryRequest,
    cancelled: AbortSignal,
  ): Promise<readonly message.RunQueryResponse[]> {
    refuseExplain(request.explainOptions);
    const query = prepareQuery(checkParentName(request.parent), request.structuredQuery);
    checkIndexed(request.structuredQuery, this.indexes);
    const select = selectionOf(request.structuredQuery);
    return this.read(request, cancelled, async ({ view, readTime, locking, begun }) => {
      const documents = locking === undefined ? query.run(view) : await this.runLocking(query, locking);
      const passedOver = documents.length === 0 ? 0 : (request.structuredQuery?.offset ?? 0);
      this.meter.firestore({ queries: 1, reads: Math.max(1, documents.length + passedOver) });
      const answers = documents.map((document) => ({
        document: toMessage(document, select),
        readTime: readTime(),
      }));
      return [...announce(begun), ...answers, { readTime: readTime(), done: true }];
    });
  }

  async runAggregationQuery(
    request: message.RunAggregationQueryRequest,
    cancelled: AbortSignal,
  ): Promise<readonly message.RunAggregationQueryResponse[]> {
    refuseExplain(request.explainOptions);
    const { structuredQuery, aggregations = [] } = request.structuredAggregationQuery ?? {};
    const aggregate = prepareAggregations(aggregations);
    const parent = checkParentName(request.parent);
    const query = prepareQuery(parent, structuredQuery);
    checkIndexed(structuredQuery, this.indexes);
    return this.read(request, cancelled, async ({ view, readTime, locking, begun }) => {
      const documents = query.run(view);
      const aggregateFields = aggregate(documents);
      this.meter.firestore({ countQueries: 1, reads: countReads(documents.length) });
      locking?.unchanged.push(() => isDeepStrictEqual(aggregate(query.run(view)), aggregateFields));
      return [...announce(begun), { result: { aggregateFields }, readTime: readTime() }];
    });
  }

  async listDocuments(
    request: message.ListDocumentsRequest,
    cancelled: AbortSignal,
  ): Promise<message.ListDocumentsResponse> {
    const parent = checkParentName(request.parent);
    const { collectionId = "", orderBy, pageToken = "" } = request;
    if (collectionId === "" || orderBy) {
      throw new FlError(
        "invalid-argument",
        "Documents are listed of one collection, in the order of their names.",
      );
    }
    const select = selection(request.mask);
    const pageSize = request.pageSize || defaultPageSize;
    const collection = `${parent}/${collectionId}`;
    return this.read(request, cancelled, async ({ view }) => {
      const names = new Set<string>();
      for (const { name } of view.inScope({ parent, collectionId, allDescendants: false })) names.add(name);
      if (request.showMissing) {
        for (const path of this.store.collectionsBelow(collection))
          names.add(`${collection}/${idBelow(collection, path)}`);
      }
      const rest = [...names].sort(compareNames).filter((name) => compareNames(name, pageToken) > 0);
      const page = rest.slice(0, pageSize);
      this.meter.firestore({ reads: Math.max(1, page.length) });
      return {
        documents: page.map((name) => {
          const document = view.get(name);
          return document === undefined ? { name, fields: {} } : toMessage(document, select);
        }),
        nextPageToken: rest.length > pageSize ? (page.at(-1) ?? "") : "",
      };
    });
  }

  listCollectionIds(request: message.ListCollectionIdsRequest): { collectionIds: readonly string[] } {
    const parent = checkParentName(request.parent);
    const ids = new Set<string>();
    for (const path of this.store.collectionsBelow(parent)) ids.add(idBelow(parent, path));
    this.meter.firestore({ reads: 1 });
    return { collectionIds: [...ids].sort(compareUtf8) };
  }

  /**
   * Locks the results, and runs again until what is locked is what is found: another may have written
   * meanwhile.
   */
  private async runLocking(
    query: PreparedQuery,
    transaction: Transaction,
  ): Promise<readonly StoredDocument[]> {
    for (let tries = 0; tries < maxQueryTries; tries++) {
      const found = query.run(this.store);
      await this.locks.acquireAll(
        transaction,
        found.map((document) => document.name),
      );
      if (isDeepStrictEqual(versionsOf(query.run(this.store)), versionsOf(found))) {
        transaction.unchanged.push(() =>
          isDeepStrictEqual(versionsOf(query.run(this.store)), versionsOf(found)),
        );
        return found;
      }
    }
    throw new FlError("aborted", "Too much contention on the results of a query. Try the transaction again.");
  }

  private async read<T>(
    request: message.Consistency,
    cancelled: AbortSignal,
    body: (context: ReadContext) => Promise<T>,
  ): Promise<T> {
    const transaction = this.transactionOf(request);
    const begun = request.consistencySelector === "newTransaction" ? transaction?.id : undefined;
    // A caller that went away while it waited for a lock will not end its transaction.
    cancelled.addEventListener("abort", () => transaction && this.transactions.end(transaction));
    const asked = request.consistencySelector === "readTime" ? fromTimestamp(request.readTime) : undefined;
    const time = transaction?.readTime ?? asked;
    try {
      return await body({
        view: time === undefined ? this.store : this.past(time),
        readTime: () => toTimestamp(time ?? this.store.clock.now()),
        locking: transaction?.readTime === undefined ? transaction : undefined,
        begun,
      });
    } catch (error) {
      // A transaction whose id was never sent would never be ended, and one that gave up its wait is lost.
      const isLost = begun !== undefined || (error instanceof FlError && error.code === "aborted");
      if (transaction !== undefined && isLost) this.transactions.end(transaction);
      throw error;
    }
  }

  private transactionOf(request: message.Consistency): Transaction | undefined {
    if (request.consistencySelector === "newTransaction") {
      return this.transactions.begin(request.newTransaction, this.store.clock.now());
    }
    return request.consistencySelector === "transaction"
      ? this.transactions.find(request.transaction)
      : undefined;
  }

  private past(time: Micros): DocumentView {
    const now = this.store.clock.now();
    if (time > now) throw new FlError("invalid-argument", "The read time is in the future.");
    if (time < now - historyMicros) {
      throw new FlError("failed-precondition", `The read time is more than ${historyMicros / 1e6} s ago.`);
    }
    return this.store.at(time);
  }
}

export function toMessage(document: StoredDocument, select: Selection): message.Document {
  return {
    name: document.name,
    fields: select(document.fields),
    createTime: toTimestamp(document.createTime),
    updateTime: toTimestamp(document.updateTime),
  };
}

export function selectionOf(query: message.StructuredQuery | undefined): Selection {
  return selection(
    query?.select && { fieldPaths: query.select.fields.map((field) => field.fieldPath ?? "") },
  );
}

function announce(transaction: Buffer | undefined): { transaction: Buffer }[] {
  return transaction === undefined ? [] : [{ transaction }];
}

function versionsOf(documents: readonly StoredDocument[]): readonly (readonly [string, Micros])[] {
  return documents.map(({ name, updateTime }) => [name, updateTime]);
}

/** The first id of the path after that of the parent. */
function idBelow(parent: string, path: string): string {
  const [id = ""] = path.slice(parent.length + 1).split("/");
  return id;
}

function refuseExplain(options: unknown): void {
  if (options !== undefined)
    throw new FlError("invalid-argument", "Queries are not explained by this server.");
}
