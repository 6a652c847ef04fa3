// Idempotency keys: the same request with the same key has no further effect, whatever was lost on the way.
import { createHash } from "node:crypto";
import type { Principal } from "../../shared/cloud/auth/verifyIdToken.ts";
import { FlError } from "../../shared/core/errors.ts";
import { refs, type Transaction } from "../../shared/core/ports/store.ts";
import { IDEMPOTENCY_TTL_MS, type IdempotencyRecord } from "../../shared/core/schemas/idempotency.ts";
import type { HttpRequest } from "../../shared/http/message.ts";
import { badInput } from "../../shared/http/parse.ts";

/** A key as one caller used it on one path, and what it was used for. */
export interface IdempotencyKey {
  readonly id: string;
  readonly fingerprint: string;
  /** As release 0.1 made it: by the order in which the fields were sent. Its records live for a day. */
  readonly fingerprintBefore: string;
}

/**
 * The request's key, or null when it has none.
 *
 * @param json its body: the same values are the same request, in whatever order an object has its fields.
 * @throws FlError("invalid-argument") for an empty or overlong one.
 */
export function idempotencyKey(
  request: HttpRequest,
  json: unknown,
  caller: Principal,
): IdempotencyKey | null {
  const key = request.headers["idempotency-key"];
  if (key === undefined) return null;
  if (key.length < 1 || key.length > 200) {
    throw badInput([{ path: "header.Idempotency-Key", message: "use 1 to 200 characters" }]);
  }
  return {
    id: hash([caller.email, request.method, request.path, key]),
    fingerprint: hash([JSON.stringify(ordered(json))]),
    fingerprintBefore: hash([JSON.stringify(json)]),
  };
}

/**
 * What the key was used for before, or null for a new one.
 *
 * @throws FlError("already-exists") when it was used for another request.
 */
export async function recall(
  transaction: Transaction,
  key: IdempotencyKey | null,
): Promise<IdempotencyRecord | null> {
  if (key === null) return null;
  const record = await transaction.get(refs.idempotency(key.id));
  if (record === null) return null;
  if (record.fingerprint !== key.fingerprint && record.fingerprint !== key.fingerprintBefore) {
    throw new FlError("already-exists", "This Idempotency-Key was used for another request: use a new one.");
  }
  return record;
}

/** Remembers what the key was used for, in the transaction that does it. */
export function remember(
  transaction: Transaction,
  key: IdempotencyKey | null,
  made: Pick<IdempotencyRecord, "runId" | "round" | "request"> & Partial<Pick<IdempotencyRecord, "version">>,
  nowMs: number,
): void {
  if (key === null) return;
  transaction.set(refs.idempotency(key.id), {
    fingerprint: key.fingerprint,
    version: null,
    ...made,
    expiresAt: nowMs + IDEMPOTENCY_TTL_MS,
  });
}

/** The value with every object as the list of its fields in the order of their names. */
function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered);
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return { fields: fields.map(([name, item]) => [name, ordered(item)]) };
}

function hash(parts: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}
