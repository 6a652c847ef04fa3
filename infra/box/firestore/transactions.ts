// The open transactions: a read-write one locks what it reads, a read-only one reads as of one time.
import { randomBytes } from "node:crypto";
import { FlError } from "../../../shared/core/errors.ts";
import { type DocumentLocks, LockOwner } from "./locks.ts";
import type { TransactionOptions } from "./messages.ts";
import { fromTimestamp, type Micros } from "./timestamps.ts";

/** How long a transaction may last from its beginning to its end. */
const maxAgeMs = 270_000;

export class Transaction extends LockOwner {
  readonly id: Buffer = randomBytes(12);
  readonly startedMs: number = Date.now();
  /** Of a read-only transaction: the time as of which it reads. */
  readonly readTime: Micros | undefined;
  /** One for each query made: whether it still gives what it gave. */
  readonly unchanged: (() => boolean)[] = [];

  constructor(readTime: Micros | undefined) {
    super();
    this.readTime = readTime;
  }
}

export class Transactions {
  private readonly open = new Map<
    string,
    { readonly transaction: Transaction; readonly idle: NodeJS.Timeout }
  >();
  private readonly locks: DocumentLocks;
  private readonly idleMs: number;

  /** @param idleMs  after how long without a request a transaction ends by itself */
  constructor(locks: DocumentLocks, idleMs: number) {
    this.locks = locks;
    this.idleMs = idleMs;
  }

  /** @param now  the time as of which a read-only transaction reads that names none */
  begin(options: TransactionOptions | undefined, now: Micros): Transaction {
    const readOnly = options?.mode === "readOnly" ? options.readOnly : undefined;
    const time = readOnly?.readTime === undefined ? now : fromTimestamp(readOnly.readTime);
    const transaction = new Transaction(readOnly === undefined ? undefined : time);
    const idle = setTimeout(() => this.end(transaction), this.idleMs).unref();
    this.open.set(transaction.id.toString("hex"), { transaction, idle });
    return transaction;
  }

  /**
   * The open transaction of that id; undefined for no id, which is how a request says that it is in none.
   *
   * @throws FlError("invalid-argument") when it has ended, or never was
   */
  find(id: Buffer | undefined): Transaction | undefined {
    if (id === undefined || id.length === 0) return undefined;
    const entry = this.open.get(id.toString("hex"));
    if (entry !== undefined && Date.now() - entry.transaction.startedMs <= maxAgeMs) {
      entry.idle.refresh();
      return entry.transaction;
    }
    if (entry !== undefined) this.end(entry.transaction);
    // The client library tries again when it reads "transaction has expired".
    throw new FlError("invalid-argument", "The referenced transaction has expired or was ended.");
  }

  /** Ends it if it is still open, and lets go of its locks. */
  end(transaction: Transaction): void {
    const id = transaction.id.toString("hex");
    clearTimeout(this.open.get(id)?.idle);
    this.open.delete(id);
    this.locks.release(transaction);
  }

  /** The same, by id; to end what has ended already changes nothing. */
  rollback(id: Buffer | undefined): void {
    const entry = this.open.get(id?.toString("hex") ?? "");
    if (entry !== undefined) this.end(entry.transaction);
  }

  endAll(): void {
    for (const { transaction } of this.open.values()) this.end(transaction);
  }
}
