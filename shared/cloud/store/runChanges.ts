// What has changed of a run since a follower last looked, all of it read at one moment.
import type {
  DocumentData,
  DocumentSnapshot,
  FieldPath,
  Firestore,
  Query,
  Timestamp,
  Transaction,
} from "@google-cloud/firestore";
import * as z from "zod";
import { type Ref, type RunChanges, refs, type UnreadableDocument } from "../../core/ports/store.ts";
import {
  CHANGE_MARGIN_MS,
  firstRoundOfLook,
  firstUnsettled,
  ROUNDS_SEEN,
  roundsOfInvocations,
  type Seen,
} from "../../core/round/live.ts";
import { InvocationFigures, RoundFigures } from "../../core/schemas/figures.ts";
import { RoundNumber, roundKey } from "../../core/schemas/ids.ts";
import { decodeCursor, EpochMs, encodeCursor } from "./cursor.ts";
import { fromDocument, fromDocuments } from "./documents.ts";
import { fieldsOf } from "./fieldsOf.ts";

/** When the newest document that a follower has was written: seconds since 1970 and nanoseconds. */
type Version = readonly [number, number];

/** What has been seen, and the version up to which. */
const ChangesCursor = z.tuple([
  z.int().min(1), // From which round on.
  RoundNumber.or(z.literal(0)), // Whose invocations.
  EpochMs,
  z.int().min(0),
  z.int().min(0).max(999_999_999),
]);

const IN_SINCE = { path: "since", from: "cursor of the look before" };

const BEFORE_ALL: Version = [0, 0];

export interface ReadingOptions {
  readonly db: Firestore;
  readonly documentName: FieldPath;
  readonly timestamp: (epochMs: number) => unknown;
  readonly onUnreadable: (document: UnreadableDocument) => void;
}

/**
 * The changes of a run; null where there is none.
 *
 * A document is told to have changed by Firestore's own time of its last write, which no clock of ours can
 * set back. Invocations are found by `updatedAt`, so that those which have not changed are not read.
 *
 * @throws FlError("invalid-argument") for a cursor that is none.
 */
export function readChanges(
  runId: string,
  cursor: string | undefined,
  options: ReadingOptions,
): Promise<RunChanges | null> {
  const known = cursor === undefined ? null : decodeCursor(cursor, ChangesCursor, IN_SINCE);
  const seen: Seen | null = known && { from: known[0], round: known[1], newestMs: known[2] };
  const since: Version = known === null ? BEFORE_ALL : [known[3], known[4]];
  return options.db.runTransaction((transaction) => read(runId, seen, since, transaction, options), {
    readOnly: true,
  });
}

async function read(
  runId: string,
  seen: Seen | null,
  since: Version,
  transaction: Transaction,
  { db, documentName, timestamp, onUnreadable }: ReadingOptions,
): Promise<RunChanges | null> {
  const runRef = refs.run(runId);
  const runDocument = await transaction.get(db.doc(runRef.path));
  const runFields = runDocument.data();
  if (runFields === undefined) return null;
  const run = fromDocument(runRef, runFields);
  const last = run.round;
  let newest = later(since, versionOf(runDocument));
  const isNew = (document: DocumentSnapshot) => isLater(versionOf(document), since);

  const first = firstRoundOfLook(seen, last);
  const rounds = db
    .collection(`runs/${runId}/rounds`)
    .where(documentName, ">=", roundKey(first))
    .orderBy(documentName)
    .limit(ROUNDS_SEEN)
    .select(...fieldsOf(RoundFigures));
  const roundDocuments = last === 0 ? [] : (await transaction.get(rounds)).docs;
  for (const document of roundDocuments) newest = later(newest, versionOf(document));
  const readable = fromDocuments(
    roundDocuments.map((document) => ({
      document,
      ref: { ...refs.round(runId, Number(document.id)), schema: RoundFigures } satisfies Ref<RoundFigures>,
      fields: document.data(),
    })),
    // One that is damaged is named once, when it has changed.
    (damaged) => {
      if (roundDocuments.some((document) => document.ref.path === damaged.path && isNew(document)))
        onUnreadable(damaged);
    },
  ).items;
  const changed = new Set(roundDocuments.filter(isNew).map(({ id }) => Number(id)));

  const invocations: InvocationFigures[] = [];
  let newestMs = 0;
  for (const round of roundsOfInvocations(seen, last)) {
    const knownMs = seen?.round === round ? seen.newestMs : 0;
    const documents = await changedInvocations(round, knownMs);
    for (const document of documents) newest = later(newest, versionOf(document));
    const items = fromDocuments(
      documents.filter(isNew).map((document) => ({
        ref: { ...refs.invocation(runId, round, document.id), schema: InvocationFigures },
        fields: document.data() as DocumentData,
      })),
      onUnreadable,
    ).items;
    invocations.push(...items);
    newestMs = Math.max(knownMs, ...items.map(({ updatedAt }) => updatedAt));
  }

  const from = Math.max(1, firstUnsettled(readable, last));
  return {
    run: isNew(runDocument) ? run : null,
    rounds: readable.filter(({ round }) => changed.has(round)),
    invocations,
    cursor: encodeCursor([from, last, newestMs, ...newest]),
  };

  /** Of a round. Where none is newer than those known, nothing else is read. */
  async function changedInvocations(round: number, knownMs: number) {
    const ordered: Query = db
      .collection(`runs/${runId}/rounds/${roundKey(round)}/invocations`)
      .select(...fieldsOf(InvocationFigures))
      .orderBy("updatedAt");
    const newer = (await transaction.get(ordered.where("updatedAt", ">", timestamp(knownMs)))).docs;
    if (newer.length === 0 || knownMs === 0) return newer;
    const margin = ordered
      .where("updatedAt", ">", timestamp(knownMs - CHANGE_MARGIN_MS))
      .where("updatedAt", "<=", timestamp(knownMs));
    return [...(await transaction.get(margin)).docs, ...newer];
  }
}

function versionOf(document: DocumentSnapshot): Version {
  const { seconds, nanoseconds } = document.updateTime as Timestamp;
  return [seconds, nanoseconds];
}

function isLater([a, an]: Version, [b, bn]: Version): boolean {
  return a > b || (a === b && an > bn);
}

function later(a: Version, b: Version): Version {
  return isLater(b, a) ? b : a;
}
