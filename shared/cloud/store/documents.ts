// Between typed values and what Firestore keeps: instants are timestamps there, and everything is checked both ways.
import type { DocumentData } from "@google-cloud/firestore";
import * as z from "zod";
import { FlError, type Problem } from "../../core/errors.ts";
import { type Ref, SCHEMA_VERSION, type UnreadableDocument } from "../../core/ports/store.ts";
import { readTolerantly } from "../../core/schemas/readTolerantly.ts";

/** Makes a Firestore timestamp; given as an argument so that this file needs no Google library. */
export type MakeTimestamp = (epochMs: number) => unknown;

const ISO_INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** The fields to write for a value. Fields named `…At` become timestamps, so that the console and TTL understand them. */
export function toDocument<T>(ref: Ref<T>, value: T, makeTimestamp: MakeTimestamp): DocumentData {
  const wire = { ...(z.encode(ref.schema, value) as object), schemaVersion: SCHEMA_VERSION };
  return mapLeaves(wire, (leaf, name) =>
    name.endsWith("At") && typeof leaf === "string" && ISO_INSTANT.test(leaf)
      ? makeTimestamp(Date.parse(leaf))
      : leaf,
  ) as DocumentData;
}

/**
 * The value of a document's fields; those that its schema does not know are passed by.
 *
 * @throws FlError("data-loss") naming the document, every field that is not as its schema says, and what to do.
 */
export function fromDocument<T>(ref: Ref<T>, fields: DocumentData): T {
  const { schemaVersion = 1, ...own } = fields;
  if (!Number.isInteger(schemaVersion) || schemaVersion < 1) {
    throw damaged(ref, [{ path: "schemaVersion", message: "expected a whole number from 1" }]);
  }
  if (schemaVersion > SCHEMA_VERSION) {
    throw new FlError(
      "data-loss",
      `Document ${ref.path} is of schema version ${schemaVersion}, written by a later release than this one, which knows versions up to ${SCHEMA_VERSION}: deploy that release again.`,
      { retry: "never" },
    );
  }
  const wire = mapLeaves(own, (leaf) => (isTimestamp(leaf) ? new Date(leaf.toMillis()).toISOString() : leaf));
  const parsed = readTolerantly(ref.schema, wire);
  if (parsed.success) return parsed.data;
  throw damaged(
    ref,
    parsed.error.issues.map(({ path, message }) => ({ path: path.join("."), message })),
  );
}

/**
 * Sorts documents into those that can be read and those that cannot.
 *
 * @param onUnreadable is told of each of the latter, for the log.
 */
export function fromDocuments<T>(
  documents: readonly { readonly ref: Ref<T>; readonly fields: DocumentData }[],
  onUnreadable: (document: UnreadableDocument) => void,
): { readonly items: readonly T[]; readonly unreadable: readonly UnreadableDocument[] } {
  const items: T[] = [];
  const unreadable: UnreadableDocument[] = [];
  for (const { ref, fields } of documents) {
    try {
      items.push(fromDocument(ref, fields));
    } catch (error) {
      if (!(error instanceof FlError) || error.code !== "data-loss") throw error;
      const document = { path: ref.path, name: ref.path.split("/").at(-1) ?? "", reason: error.message };
      unreadable.push(document);
      onUnreadable(document);
    }
  }
  return { items, unreadable };
}

function damaged<T>({ path, remedy }: Ref<T>, problems: readonly Problem[]): FlError {
  const list = problems.map((problem) => `${problem.path}: ${problem.message}`).join("; ");
  return new FlError("data-loss", `Document ${path} is not as expected (${list}): ${remedy}.`, {
    problems,
    retry: "never",
  });
}

function isTimestamp(value: unknown): value is { toMillis(): number } {
  return (
    typeof value === "object" && value !== null && "toMillis" in value && typeof value.toMillis === "function"
  );
}

function mapLeaves(value: unknown, change: (leaf: unknown, name: string) => unknown, name = ""): unknown {
  if (Array.isArray(value)) return value.map((item) => mapLeaves(item, change, name));
  if (typeof value === "object" && value !== null && !isTimestamp(value)) {
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, mapLeaves(item, change, key)]),
    );
  }
  return change(value, name);
}
