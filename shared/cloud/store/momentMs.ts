// A moment in a document, as cursors have it.
import type { QueryDocumentSnapshot } from "@google-cloud/firestore";

/** Of a document that may be damaged: its query has ordered it by this field, so it is there. */
export function momentMs(snapshot: QueryDocumentSnapshot, field: string): number {
  const moment: unknown = snapshot.get(field);
  const isTimestamp = typeof moment === "object" && moment !== null && "toMillis" in moment;
  return isTimestamp && typeof moment.toMillis === "function" ? moment.toMillis() : 0;
}
