// The indexes of a deployment's database: of each collection the fields that the functions query, and what
// people ask in the console. Everything else is exempt, for each entry is written with its document and
// counts towards the 10 MiB of a transaction.
import { refs } from "../../shared/core/ports/store.ts";
import type { IndexRules } from "./firestore/indexes.ts";

/** By collection: the fields that a query of the functions filters or sorts by. */
const queried = {
  clients: ["retired", "updatedAt"],
  runs: ["createdAt", "swept", "teaches"],
  rounds: ["status", "loss", "unscoredReason"],
  invocations: ["status", "updatedAt"],
  roster: ["shard"],
  "client-states": [],
  checks: [],
  actions: ["doneAt"],
  idempotency: [],
} as const;

const schemas = {
  clients: refs.client("c").schema,
  runs: refs.run("r").schema,
  rounds: refs.round("r", 1).schema,
  invocations: refs.invocation("r", 1, "c").schema,
  roster: refs.rosterShard("r", 0).schema,
  "client-states": refs.clientState("r", "c").schema,
  checks: refs.checks("c").schema,
  actions: refs.action({ runId: "r" }, "a").schema,
  idempotency: refs.idempotency("k").schema,
} as const;

export const databaseIndexes: IndexRules = {
  unindexed: Object.fromEntries(
    Object.entries(schemas).map(([collection, schema]) => {
      const wanted: readonly string[] = queried[collection as keyof typeof queried];
      return [collection, [...fieldsOf(schema), "schemaVersion"].filter((field) => !wanted.includes(field))];
    }),
  ),
  composite: [
    { collectionId: "runs", scope: "COLLECTION", fields: ["status", "createdAt"] },
    { collectionId: "rounds", scope: "COLLECTION_GROUP", fields: ["status", "openedAt"] },
    { collectionId: "invocations", scope: "COLLECTION_GROUP", fields: ["status", "invokedAt"] },
    { collectionId: "invocations", scope: "COLLECTION_GROUP", fields: ["clientId", "invokedAt"] },
  ],
};

function fieldsOf(schema: object): readonly string[] {
  return "shape" in schema ? Object.keys(schema.shape as object) : [];
}
