// Counts the operations of the local cloud as Google bills them, so that a run's costs can be known before it
// is deployed.

/** Operations that were done; a failed one costs nothing. */
export interface Usage {
  /** Null for the official emulator, which cannot be asked. */
  readonly firestore: FirestoreUsage | null;
  readonly storage: StorageUsage;
  readonly tasks: TasksUsage;
}

interface FirestoreUsage {
  /**
   * Documents read, missing ones and those that an offset passes over too; one for a query without results;
   * see `countReads`.
   */
  readonly reads: number;
  readonly writes: number;
  readonly deletes: number;
  /** Queries made, aggregations not among them. */
  readonly queries: number;
  readonly countQueries: number;
}

interface StorageUsage {
  /** Uploads, changes of attributes, lists. */
  readonly classA: number;
  /** Reads of an object or of its attributes. */
  readonly classB: number;
  /** Deletions. */
  readonly free: number;
}

interface TasksUsage {
  readonly creates: number;
  /** Requests sent to targets, repeated ones too. */
  readonly attempts: number;
}

type Counts<Of> = { -readonly [Key in keyof Of]: number };

/** One meter for all servers of a local cloud. */
export class UsageMeter {
  #firestore = noFirestore();
  #storage = noStorage();
  #tasks = noTasks();

  firestore(more: Partial<FirestoreUsage>): void {
    add(this.#firestore, more);
  }

  /** Counts a request that was answered with this status; a refused one costs nothing. */
  storage(method: string, url: string, status: number): void {
    const kind = status < 400 ? storageClass(method, url) : null;
    if (kind !== null) this.#storage[kind]++;
  }

  tasks(more: Partial<TasksUsage>): void {
    add(this.#tasks, more);
  }

  /** The counts since the last reset, as a copy. */
  read(): Usage & { readonly firestore: FirestoreUsage } {
    return { firestore: { ...this.#firestore }, storage: { ...this.#storage }, tasks: { ...this.#tasks } };
  }

  reset(): void {
    this.#firestore = noFirestore();
    this.#storage = noStorage();
    this.#tasks = noTasks();
  }
}

/**
 * What an aggregation over so many index entries is billed as: one read for each 1,000 begun, one at least.
 */
export function countReads(entries: number): number {
  return Math.max(1, Math.ceil(entries / 1_000));
}

/** Null: a part of an operation that is counted already. */
function storageClass(method: string, url: string): keyof StorageUsage | null {
  const { pathname, searchParams } = new URL(url, "http://storage");
  switch (method) {
    case "DELETE":
      return "free";
    case "GET":
    case "HEAD":
      return /^\/storage\/v1\/b(\/[^/]+\/o)?$/.test(pathname) ? "classA" : "classB";
    case "PUT":
      return searchParams.has("upload_id") ? null : "classA";
    default:
      return "classA";
  }
}

function add<Of>(counts: Counts<Of>, more: Partial<Of>): void {
  for (const key in more) counts[key] += Number(more[key] ?? 0);
}

const noFirestore = () => ({ reads: 0, writes: 0, deletes: 0, queries: 0, countQueries: 0 });
const noStorage = () => ({ classA: 0, classB: 0, free: 0 });
const noTasks = () => ({ creates: 0, attempts: 0 });
