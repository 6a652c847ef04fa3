// One Listen stream: for each target the documents it has now, then every change to them, in consistent
// steps.
import { covers, type DocumentStore, type StoredDocument } from "./documents.ts";
import { type Selection, selection } from "./fieldPaths.ts";
import type { ListenRequest, ListenResponse, Target, Timestamp } from "./messages.ts";
import { checkDocumentName, checkParentName } from "./names.ts";
import { prepareQuery } from "./query.ts";
import { selectionOf, toMessage } from "./reads.ts";
import { rpcStatus } from "./rpcStatus.ts";
import { toTimestamp } from "./timestamps.ts";

/** What a target watches. */
interface Watch {
  readonly select: Selection;
  concerns(name: string): boolean;
  read(): readonly StoredDocument[];
  /** Documents asked for by name, which the listener wants to hear of when they are missing too. */
  readonly names: readonly string[];
}

interface OpenTarget {
  readonly id: number;
  readonly watch: Watch;
  known: ReadonlyMap<string, StoredDocument>;
}

export class ListenStream {
  private readonly store: DocumentStore;
  private readonly send: (response: ListenResponse) => void;
  private readonly targets = new Map<number, OpenTarget>();
  private readonly stopListening: () => void;
  private changed = new Set<string>();
  private scheduled: NodeJS.Immediate | undefined;

  constructor(store: DocumentStore, send: (response: ListenResponse) => void) {
    this.store = store;
    this.send = send;
    this.stopListening = store.onCommit((names) => this.noteChanges(names));
  }

  handle(request: ListenRequest): void {
    if (request.targetChange === "addTarget") this.add(request.addTarget);
    if (request.targetChange === "removeTarget") {
      this.targets.delete(request.removeTarget);
      this.sendTargetChange("REMOVE", [request.removeTarget]);
    }
  }

  close(): void {
    this.stopListening();
    clearImmediate(this.scheduled);
    this.targets.clear();
  }

  private add(request: Target): void {
    const id = request.targetId ?? 0;
    let watch: Watch;
    try {
      watch = watchOf(this.store, request);
    } catch (error) {
      const targetChange = { targetChangeType: "REMOVE", targetIds: [id], cause: rpcStatus(error) } as const;
      this.send({ targetChange });
      return;
    }
    const target: OpenTarget = { id, watch, known: new Map() };
    this.targets.set(id, target);
    this.sendTargetChange("ADD", [id]);
    // The server keeps nothing of what a returning listener knows, so the listener must discard it.
    if (request.resumeToken !== undefined && request.resumeToken.length > 0)
      this.sendTargetChange("RESET", [id]);
    const readTime = toTimestamp(this.store.clock.now());
    this.sendChanges(target, readTime);
    for (const name of watch.names) {
      if (!target.known.has(name))
        this.send({ documentDelete: { document: name, removedTargetIds: [id], readTime } });
    }
    this.sendTargetChange("CURRENT", [id], readTime);
    this.sendTargetChange("NO_CHANGE", [], readTime);
  }

  private noteChanges(names: Iterable<string>): void {
    for (const name of names) this.changed.add(name);
    this.scheduled ??= setImmediate(() => this.flush());
  }

  /** Sends what the commits since the last time have changed, as one snapshot. */
  private flush(): void {
    const names = [...this.changed];
    this.changed = new Set();
    this.scheduled = undefined;
    const readTime = toTimestamp(this.store.clock.now());
    const concerned = [...this.targets.values()].filter(({ watch }) =>
      names.some((name) => watch.concerns(name)),
    );
    const sent = concerned.map((target) => this.sendChanges(target, readTime));
    if (sent.includes(true)) this.sendTargetChange("NO_CHANGE", [], readTime);
  }

  /** Returns whether there was anything to send. */
  private sendChanges(target: OpenTarget, readTime: Timestamp): boolean {
    const { id, watch, known } = target;
    const documents = new Map(watch.read().map((document) => [document.name, document]));
    target.known = documents;
    const fresh = [...documents.values()].filter(
      ({ name, updateTime }) => known.get(name)?.updateTime !== updateTime,
    );
    const gone = [...known.keys()].filter((name) => !documents.has(name));
    for (const document of fresh) {
      this.send({
        documentChange: {
          document: toMessage(document, watch.select),
          targetIds: [id],
          removedTargetIds: [],
        },
      });
    }
    for (const name of gone) {
      const message = { document: name, removedTargetIds: [id], readTime };
      this.send(
        this.store.get(name) === undefined ? { documentDelete: message } : { documentRemove: message },
      );
    }
    return fresh.length + gone.length > 0;
  }

  private sendTargetChange(
    targetChangeType: "NO_CHANGE" | "ADD" | "REMOVE" | "CURRENT" | "RESET",
    targetIds: readonly number[],
    readTime?: Timestamp,
  ): void {
    const progress = readTime && { readTime, resumeToken: Buffer.from(JSON.stringify(readTime)) };
    this.send({ targetChange: { targetChangeType, targetIds, ...progress } });
  }
}

function watchOf(store: DocumentStore, target: Target): Watch {
  if (target.targetType === "documents") {
    const names = target.documents.documents.map(checkDocumentName);
    return {
      select: selection(undefined),
      names,
      concerns: (name) => names.includes(name),
      read: () => names.map((name) => store.get(name)).filter((document) => document !== undefined),
    };
  }
  const { parent, structuredQuery } = target.targetType === "query" ? target.query : {};
  const query = prepareQuery(checkParentName(parent), structuredQuery);
  return {
    select: selectionOf(structuredQuery),
    names: [],
    concerns: (name) => covers(query.scope, name),
    read: () => query.run(store),
  };
}
