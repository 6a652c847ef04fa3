// The documents of every project and database in memory, and as they were at any time of the last minutes.
// What is kept beyond the process is the present alone: reads of the past do not outlive it.
import { noState, type State, type StateTable } from "../state/state.ts";
import type { Fields } from "./messages.ts";
import { parentOf } from "./names.ts";
import { CommitClock, type Micros } from "./timestamps.ts";

export interface StoredDocument {
  readonly name: string;
  readonly fields: Fields;
  readonly createTime: Micros;
  readonly updateTime: Micros;
}

/** What a query looks at: the collections of an id ("" for any) right below a parent, or at any depth. */
export interface Scope {
  readonly parent: string;
  readonly collectionId: string;
  readonly allDescendants: boolean;
}

/** All documents at one point in time. */
export interface DocumentView {
  get(name: string): StoredDocument | undefined;
  /** In no particular order. */
  inScope(scope: Scope): Iterable<StoredDocument>;
}

/** By name; null for a document that is deleted. */
export type Changes = ReadonlyMap<string, StoredDocument | null>;

interface Replaced {
  readonly name: string;
  readonly document: StoredDocument | undefined;
  readonly at: Micros;
}

/** How long the past can be read: as long as a transaction may last. */
export const historyMicros: Micros = 270 * 1_000_000;
const trimAfter = 1_024;

export class DocumentStore implements DocumentView {
  readonly clock: CommitClock;
  private readonly collections = new Map<string, Map<string, StoredDocument>>();
  private readonly listeners = new Set<(names: Iterable<string>) => void>();
  private history: Replaced[] = [];
  private readonly state: State;
  private readonly kept: StateTable<StoredDocument>;

  /** @param state  holds the documents to begin with, and keeps every change */
  constructor(state: State = noState) {
    this.state = state;
    this.kept = state.table("documents");
    let last: Micros = 0;
    for (const [name, document] of this.kept.entries()) {
      this.put(name, document);
      last = Math.max(last, document.updateTime);
    }
    this.clock = new CommitClock(last);
  }

  get(name: string): StoredDocument | undefined {
    return this.collections.get(parentOf(name))?.get(name);
  }

  *inScope(scope: Scope): Iterable<StoredDocument> {
    if (!scope.allDescendants && scope.collectionId !== "") {
      yield* this.collections.get(`${scope.parent}/${scope.collectionId}`)?.values() ?? [];
      return;
    }
    for (const [path, documents] of this.collections) {
      if (covers(scope, `${path}/`)) yield* documents.values();
    }
  }

  /** The paths of the collections that hold a document, below the parent at any depth. */
  *collectionsBelow(parent: string): Iterable<string> {
    for (const path of this.collections.keys()) if (path.startsWith(`${parent}/`)) yield path;
  }

  /** The documents as they were at a time of the last `historyMicros`. O(changes since then). */
  at(time: Micros): DocumentView {
    const past = new Map<string, StoredDocument | undefined>();
    for (let i = this.history.length - 1; i >= 0; i--) {
      const replaced = this.history[i];
      if (replaced === undefined || replaced.at <= time) break;
      past.set(replaced.name, replaced.document);
    }
    return past.size === 0 ? this : new PastView(this, past);
  }

  /** Makes all changes at once, as of `time`, which the clock must have given for this. */
  apply(changes: Changes, time: Micros): void {
    if (changes.size > 0) this.keep(changes);
    for (const [name, document] of changes) {
      this.history.push({ name, document: this.get(name), at: time });
      this.put(name, document);
    }
    const kept = this.history.findIndex((replaced) => replaced.at >= time - historyMicros);
    if (kept > trimAfter) this.history = this.history.slice(kept);
    for (const listener of this.listeners) listener(changes.keys());
  }

  /** Calls back after every commit with the names it changed, until the returned function is called. */
  onCommit(listener: (names: Iterable<string>) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private keep(changes: Changes): void {
    this.state.atomically(() => {
      for (const [name, document] of changes) {
        if (document === null) this.kept.delete(name);
        else this.kept.put(name, document);
      }
    });
  }

  private put(name: string, document: StoredDocument | null): void {
    const path = parentOf(name);
    const collection = this.collections.get(path) ?? new Map<string, StoredDocument>();
    if (document === null) collection.delete(name);
    else collection.set(name, document);
    if (collection.size === 0) this.collections.delete(path);
    else this.collections.set(path, collection);
  }
}

class PastView implements DocumentView {
  private readonly present: DocumentView;
  private readonly past: ReadonlyMap<string, StoredDocument | undefined>;

  constructor(present: DocumentView, past: ReadonlyMap<string, StoredDocument | undefined>) {
    this.present = present;
    this.past = past;
  }

  get(name: string): StoredDocument | undefined {
    return this.past.has(name) ? this.past.get(name) : this.present.get(name);
  }

  *inScope(scope: Scope): Iterable<StoredDocument> {
    for (const document of this.present.inScope(scope)) if (!this.past.has(document.name)) yield document;
    for (const document of this.past.values()) {
      if (document !== undefined && covers(scope, document.name)) yield document;
    }
  }
}

/** Whether a document of this name is in the scope. */
export function covers(scope: Scope, name: string): boolean {
  const collection = parentOf(name);
  const isBelow = scope.allDescendants
    ? collection.startsWith(`${scope.parent}/`)
    : parentOf(collection) === scope.parent;
  return isBelow && (scope.collectionId === "" || collection.endsWith(`/${scope.collectionId}`));
}
