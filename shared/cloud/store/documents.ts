// Between typed values and what Firestore keeps: instants are timestamps there, and everything is checked
// both ways. What another release has written beside goes with the value and back again.
import type { DocumentData } from "@google-cloud/firestore";
import * as z from "zod";
import { FlError, type Problem } from "../../core/errors.ts";
import { type Ref, SCHEMA_VERSION, type UnreadableDocument } from "../../core/ports/store.ts";
import { type Path, readKnown } from "../../core/schemas/readTolerantly.ts";

/** Makes a Firestore timestamp; given as an argument so that this file needs no Google library. */
export type MakeTimestamp = (epochMs: number) => unknown;

/**
 * Where a value keeps what its document holds beyond its schema. Copies by spreading have it as well, so that
 * it is written back with what has become of the value, while nothing that knows the type sees it.
 */
const BEYOND = Symbol("fields that this release does not know");

interface FieldBeyond {
  readonly path: readonly string[];
  /** As Firestore gave it. */
  readonly value: unknown;
}

const ISO_INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/**
 * The fields to write for a value: its own, and those that it was read with and that its schema does not
 * know. Fields named `…At` become timestamps, so that the console and TTL understand them.
 */
export function toDocument<T>(ref: Ref<T>, value: T, makeTimestamp: MakeTimestamp): DocumentData {
  const wire = { ...(z.encode(ref.schema, value) as object), schemaVersion: SCHEMA_VERSION };
  const fields = mapLeaves(wire, (leaf, name) =>
    name.endsWith("At") && typeof leaf === "string" && ISO_INSTANT.test(leaf)
      ? makeTimestamp(Date.parse(leaf))
      : leaf,
  ) as DocumentData;
  const { [BEYOND]: beyond = [] } = value as { readonly [BEYOND]?: readonly FieldBeyond[] };
  for (const field of beyond) putBack(fields, field);
  return fields;
}

/** Unless what it was in is gone. */
function putBack(fields: DocumentData, { path, value }: FieldBeyond): void {
  const key = path.at(-1);
  const parent = valueAt(fields, path.slice(0, -1));
  if (key === undefined || !isMap(parent) || Object.hasOwn(parent, key)) return;
  Object.defineProperty(parent, key, { value, enumerable: true, configurable: true, writable: true });
}

function valueAt(fields: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (at, key) => (isMap(at) && Object.hasOwn(at, key) ? Reflect.get(at, key) : undefined),
    fields,
  );
}

/**
 * The value of a document's fields; those that its schema does not know are passed by, and kept for when it
 * is written again. For fields in an item of a list, only the item itself shows where they belong: they are
 * not kept.
 *
 * @throws FlError("data-loss") naming the document, every field that is not as its schema says, and what to
 *   do.
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
  const wire = mapLeaves(own, (leaf) => {
    if (isTimestamp(leaf)) return new Date(leaf.toMillis()).toISOString();
    // No schema has references, bytes or points, so their content is not read: the type alone says what is
    // wrong.
    return typeof leaf === "object" && leaf !== null ? { [typeof leaf]: true } : leaf;
  });
  const upgraded = ref.upgrade !== undefined && isMap(wire) ? ref.upgrade(wire) : wire;
  const { parsed, unknown } = readKnown(ref.schema, upgraded);
  if (parsed.success) return withBeyond(parsed.data, own, unknown);
  throw damaged(
    ref,
    parsed.error.issues.map(({ path, message }) => ({ path: path.join("."), message })),
  );
}

function withBeyond<T>(value: T, fields: DocumentData, places: readonly Path[]): T {
  const beyond = places.flatMap((path): readonly FieldBeyond[] => {
    const named = path.filter((key) => typeof key === "string");
    return named.length === path.length ? [{ path: named, value: valueAt(fields, path) }] : [];
  });
  return beyond.length === 0 ? value : { ...value, [BEYOND]: beyond };
}

/**
 * Sorts documents into those that can be read and those that cannot.
 *
 * @param onUnreadable is called with each of the latter, for the log.
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

/** A map of fields, as against the objects that stand for Firestore's other types. */
function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function mapLeaves(value: unknown, change: (leaf: unknown, name: string) => unknown, name = ""): unknown {
  if (Array.isArray(value)) return value.map((item) => mapLeaves(item, change, name));
  if (isMap(value)) {
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, mapLeaves(item, change, key)]),
    );
  }
  return change(value, name);
}
