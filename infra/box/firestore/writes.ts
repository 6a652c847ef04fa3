// What a list of writes does to the documents: preconditions and masks, worked out before anything changes.
import { isDeepStrictEqual } from "node:util";
import { FlError } from "../../../shared/core/errors.ts";
import type { Changes, DocumentView, StoredDocument } from "./documents.ts";
import { parseFieldPath, valueAt, withValueAt } from "./fieldPaths.ts";
import { checkDocumentSize, checkFields } from "./limits.ts";
import type { Fields, Precondition, Write, WriteResult } from "./messages.ts";
import { checkWrittenName } from "./names.ts";
import { fromTimestamp, type Micros, toTimestamp } from "./timestamps.ts";
import { truncateTimes } from "./values.ts";

export interface Outcome {
  readonly changes: Changes;
  readonly results: readonly WriteResult[];
}

/**
 * The name of the document that a write is for, once the write has been found possible.
 *
 * @throws FlError("invalid-argument") when the name or a value is one that the database refuses, and for a
 *   transform, which this server does not have
 */
export function checkWrite(write: Write, database: string | undefined): string {
  switch (write.operation) {
    case "update":
      checkFields(write.update.fields);
      if (write.updateTransforms.length > 0) throw noTransforms();
      return checkWrittenName(write.update.name, database);
    case "delete":
      return checkWrittenName(write.delete, database);
    case "transform":
      throw noTransforms();
    default:
      throw new FlError("invalid-argument", "A write must update or delete a document.");
  }
}

function noTransforms(): FlError {
  return new FlError(
    "invalid-argument",
    "The embedded server has no field transforms (increment, serverTimestamp, arrayUnion, …): read the document in a transaction and write the value, or use the official emulator.",
  );
}

/**
 * Works out what the writes change, one after another, without changing anything.
 *
 * @param writes  checked, with their documents' names
 * @param time    of the commit
 * @throws FlError("not-found" | "already-exists" | "failed-precondition") for a precondition that does not
 *   hold
 */
export function applyWrites(
  view: DocumentView,
  writes: readonly (readonly [name: string, write: Write])[],
  time: Micros,
): Outcome {
  const changes = new Map<string, StoredDocument | null>();
  const results = writes.map(([name, write]): WriteResult => {
    const staged = changes.get(name);
    const current = staged === undefined ? view.get(name) : (staged ?? undefined);
    checkPrecondition(write.currentDocument, name, current);
    if (write.operation === "delete") {
      changes.set(name, null);
      return { transformResults: [] };
    }
    const fields = updatedFields(write, current?.fields);
    checkDocumentSize(name, fields);
    // A write that changes nothing leaves the update time as it was, and listeners undisturbed.
    if (current !== undefined && isDeepStrictEqual(fields, current.fields)) {
      return { updateTime: toTimestamp(current.updateTime), transformResults: [] };
    }
    changes.set(name, { name, fields, createTime: current?.createTime ?? time, updateTime: time });
    return { updateTime: toTimestamp(time), transformResults: [] };
  });
  return { changes, results };
}

function checkPrecondition(
  condition: Precondition | undefined,
  name: string,
  current: StoredDocument | undefined,
): void {
  if (condition?.conditionType === "exists") {
    if (condition.exists && current === undefined) {
      throw new FlError("not-found", `No document to update: "${name}".`);
    }
    if (!condition.exists && current !== undefined) {
      throw new FlError("already-exists", `Document already exists: "${name}".`);
    }
  }
  if (
    condition?.conditionType === "updateTime" &&
    current?.updateTime !== fromTimestamp(condition.updateTime)
  ) {
    throw new FlError("failed-precondition", `Document "${name}" is not of the required update time.`);
  }
}

function updatedFields(write: Write, current: Fields = {}): Fields {
  if (write.operation !== "update") return current;
  const { updateMask } = write;
  const given = truncateTimes(write.update.fields);
  if (updateMask === undefined) return given;
  return updateMask.fieldPaths
    .map(parseFieldPath)
    .reduce((fields, path) => withValueAt(fields, path, valueAt(given, path)), current);
}
