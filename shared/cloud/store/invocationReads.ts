// Invocations of many rounds, and of one client in all runs, without what is long in them.
import type { FieldPath, Firestore, Query } from "@google-cloud/firestore";
import { type Page, type PageRequest, refs, type UnreadableDocument } from "../../core/ports/store.ts";
import { InvocationFigures, RunInvocation } from "../../core/schemas/figures.ts";
import { roundKey } from "../../core/schemas/ids.ts";
import { decodeCursor, encodeCursor, InvocationCursor, RoundCursor } from "./cursor.ts";
import { fromDocuments } from "./documents.ts";
import { fieldsOf } from "./fieldsOf.ts";
import { momentMs } from "./momentMs.ts";

interface ReadingOptions {
  readonly db: Firestore;
  readonly documentName: FieldPath;
  readonly timestamp: (epochMs: number) => unknown;
  readonly onUnreadable: (document: UnreadableDocument) => void;
}

/** Of a window of rounds, both ends inclusive, by round and client: a query a round, until the page is full. */
export async function readWindow(
  runId: string,
  { from, to }: { readonly from: number; readonly to: number },
  page: PageRequest,
  { db, documentName, onUnreadable }: ReadingOptions,
): Promise<Page<InvocationFigures>> {
  const [first, after] = page.cursor === undefined ? [from, null] : decodeCursor(page.cursor, RoundCursor);
  const items: InvocationFigures[] = [];
  const unreadable: UnreadableDocument[] = [];
  let left = page.limit;
  for (let round = Math.max(from, first); round <= to; round++) {
    let query: Query = db
      .collection(`runs/${runId}/rounds/${roundKey(round)}/invocations`)
      .orderBy(documentName)
      .select(...fieldsOf(InvocationFigures));
    if (after !== null && round === first) query = query.startAfter(after);
    const { docs } = await query.limit(left).get();
    const found = fromDocuments(
      docs.map((document) => ({
        ref: { ...refs.invocation(runId, round, document.id), schema: InvocationFigures },
        fields: document.data(),
      })),
      onUnreadable,
    );
    items.push(...found.items);
    unreadable.push(...found.unreadable);
    left -= docs.length;
    const last = docs.at(-1);
    if (left === 0 && last !== undefined) {
      return { items, unreadable, nextCursor: encodeCursor([round, last.id]) };
    }
  }
  return { items, unreadable, nextCursor: null };
}

/** Of a client in all runs, the last invited first. */
export async function readClientInvocations(
  clientId: string,
  page: PageRequest,
  { db, documentName, timestamp, onUnreadable }: ReadingOptions,
): Promise<Page<RunInvocation>> {
  let query: Query = db
    .collectionGroup("invocations")
    .where("clientId", "==", clientId)
    .orderBy("invokedAt", "desc")
    .orderBy(documentName, "desc")
    .select(...fieldsOf(RunInvocation));
  if (page.cursor !== undefined) {
    const [at, runId, round] = decodeCursor(page.cursor, InvocationCursor);
    query = query.startAfter(timestamp(at), db.doc(refs.invocation(runId, round, clientId).path));
  }
  const { docs } = await query.limit(page.limit).get();
  const found = docs.map((document) => {
    const [, runId = "", , round = ""] = document.ref.path.split("/");
    const ref = { ...refs.invocation(runId, Number(round), document.id), schema: RunInvocation };
    return { document, runId, round: Number(round), ref, fields: document.data() };
  });
  const last = found.length === page.limit ? found.at(-1) : undefined;
  return {
    ...fromDocuments(found, onUnreadable),
    nextCursor:
      last === undefined
        ? null
        : encodeCursor([momentMs(last.document, "invokedAt"), last.runId, last.round]),
  };
}
