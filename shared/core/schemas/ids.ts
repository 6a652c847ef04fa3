// Identifiers and instants: the alphabet every name in a path, a document or a task is made of.
import * as z from "zod";

/**
 * Lower-case letters, digits and inner hyphens, 1 to 63 characters: safe in paths, object names and task
 * names.
 */
const ID = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const idMessage = "use 1 to 63 lower-case letters, digits and inner hyphens, such as clinic-07";

export const ClientId = z
  .string()
  .regex(ID, idMessage)
  .meta({ id: "ClientId", description: "A client's name." });
export type ClientId = z.infer<typeof ClientId>;

export const DataName = z
  .string()
  .regex(ID, "use 1 to 63 lower-case letters, digits and inner hyphens, such as x-rays")
  .meta({ id: "DataName", description: "The name of one of a client's data sets." });
export type DataName = z.infer<typeof DataName>;

export const RunId = z.string().regex(ID, idMessage).meta({ id: "RunId", description: "A run's name." });
export type RunId = z.infer<typeof RunId>;

export const GroupName = z
  .string()
  .regex(ID, "use 1 to 63 lower-case letters, digits and inner hyphens, such as wards")
  .meta({ id: "GroupName", description: "The name of a group of runs that teach each other." });

/** Rounds count from 1. Four digits in a document's name keep the console's order right. */
export const MAX_ROUND = 9_999;
/** Of how many updates a run remembers the norms at most. */
export const MAX_REMEMBERED = 500;
export const RoundNumber = z.number().int().min(1).max(MAX_ROUND);

/** Rounds in a block of a run's series. */
export const SERIES_ROUNDS = 100;

/** Model versions count from 0, the initial weights. */
export const ModelVersion = z.number().int().min(0);

/**
 * A moment. Milliseconds since 1970 in code, ISO 8601 in JSON, a timestamp in Firestore. Fields of this kind
 * end in `At`. Decode with `schema.parse`, encode with `z.encode(schema, value)`.
 */
export const Instant = z
  .codec(z.iso.datetime({ offset: true }), z.number().int(), {
    // A pure conversion; no clock is read.
    // biome-ignore lint/style/noRestrictedGlobals: see above
    decode: (iso) => Date.parse(iso),
    // biome-ignore lint/style/noRestrictedGlobals: see above
    encode: (ms) => new Date(ms).toISOString(),
  })
  .meta({ id: "Instant", description: "A moment, ISO 8601." });
export type Instant = z.infer<typeof Instant>;

/** A duration in whole or fractional milliseconds, never negative. */
export const DurationMs = z.number().min(0);

/** The service account that an identity token must name. */
export const ServiceAccountEmail = z.email("use a service account's e-mail address").max(254);

/** "0007" for round 7: the round's document name. */
export function roundKey(round: number): string {
  return String(round).padStart(4, "0");
}
