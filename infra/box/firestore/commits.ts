// Committing writes, in a transaction or outside of any, one request as a whole or a batch write by write.
import { FlError } from "../../../shared/core/errors.ts";
import type { UsageMeter } from "../usageMeter.ts";
import type { DocumentStore } from "./documents.ts";
import type { IndexRules } from "./indexes.ts";
import { checkCommitSize } from "./limits.ts";
import { type DocumentLocks, LockOwner } from "./locks.ts";
import type { BatchWriteRequest, BatchWriteResponse, CommitRequest, CommitResponse } from "./messages.ts";
import { rpcStatus } from "./rpcStatus.ts";
import { toTimestamp } from "./timestamps.ts";
import type { Transactions } from "./transactions.ts";
import { applyWrites, checkWrite } from "./writes.ts";

export class Commits {
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

  /**
   * All writes or none.
   *
   * @throws FlError("invalid-argument") for a write that the database refuses, too much in one commit, or a
   *   transaction that has ended
   * @throws FlError("not-found" | "already-exists" | "failed-precondition") for a precondition that does
   *   not hold
   * @throws FlError("aborted") when others are in the way: the transaction may be tried again
   */
  async commit(request: CommitRequest): Promise<CommitResponse> {
    const transaction = this.transactions.find(request.transaction);
    const owner = transaction ?? new LockOwner();
    try {
      const writes = request.writes.map((write) => [checkWrite(write, request.database), write] as const);
      if (writes.length === 0) return { writeResults: [] };
      if (transaction?.readTime !== undefined) {
        throw new FlError("invalid-argument", "A read-only transaction cannot write.");
      }
      await this.locks.acquireAll(
        owner,
        writes.map(([name]) => name),
      );
      if (transaction?.unchanged.every((holds) => holds()) === false) {
        throw new FlError("aborted", "The results of a query in the transaction have changed. Try it again.");
      }
      const time = this.store.clock.next();
      const { changes, results } = applyWrites(this.store, writes, time);
      checkCommitSize(this.store, changes, this.indexes);
      this.store.apply(changes, time);
      const deletes = request.writes.filter(({ operation }) => operation === "delete").length;
      this.meter.firestore({ deletes, writes: writes.length - deletes });
      return { writeResults: results, commitTime: toTimestamp(time) };
    } finally {
      if (transaction !== undefined) this.transactions.end(transaction);
      else this.locks.release(owner);
    }
  }

  /** Each write by itself: one that fails leaves the others be. */
  async batchWrite(request: BatchWriteRequest): Promise<BatchWriteResponse> {
    const names = request.writes.map((write) => checkWrite(write, request.database));
    if (new Set(names).size < names.length) {
      throw new FlError("invalid-argument", "A batch may write a document only once.");
    }
    const outcomes = await Promise.all(
      request.writes.map(async (write) => {
        try {
          const { writeResults } = await this.commit({ ...request, writes: [write] });
          return { results: writeResults, status: { code: 0 } };
        } catch (error) {
          return { results: [{ transformResults: [] }], status: rpcStatus(error) };
        }
      }),
    );
    return {
      writeResults: outcomes.flatMap((outcome) => outcome.results),
      status: outcomes.map((outcome) => outcome.status),
    };
  }
}
