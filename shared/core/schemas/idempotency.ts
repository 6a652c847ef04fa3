// What was answered to a request with an Idempotency-Key, so that a repeated one gets the same answer and
// does no more.
import * as z from "zod";
import { Instant } from "./ids.ts";

/** A key is remembered for a day; Firestore's time-to-live removes the record by `expiresAt`. */
export const IDEMPOTENCY_TTL_MS = 24 * 60 * 60 * 1_000;

/** `idempotency/{hash of caller, route and key}`. */
export const IdempotencyRecord = z.strictObject({
  fingerprint: z.string().describe("Hash of the request; the same key with another request is a mistake."),
  runId: z.string().nullable(),
  round: z.number().int().nullable().describe("The round that was triggered."),
  request: z.number().int().nullable(),
  version: z.number().int().nullable().default(null).describe("The model version that was meant."),
  expiresAt: Instant,
});
export type IdempotencyRecord = z.infer<typeof IdempotencyRecord>;
