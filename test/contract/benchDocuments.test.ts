// What the soak looks at in a database: which collections have grown, and which of them are emptied by
// Firestore itself.
import { afterAll, beforeAll, expect, test } from "vitest";
import { countDocuments, expiringCollections } from "../../infra/bench/cloud/documents.ts";
import { startEmbedded } from "../../infra/box/firestore/embedded.ts";
import type { Service } from "../../infra/box/service.ts";
import { useFirestore } from "../support/firestoreClient.ts";

const PROJECT_ID = "soaked";

let server: Service;
beforeAll(async () => {
  server = await startEmbedded();
});
const client = useFirestore(() => server.address, { projectId: PROJECT_ID });
afterAll(() => server.stop());

test("documents are counted by collection, wherever they lie", async () => {
  const { db } = client;
  const counts = () => countDocuments(server.address, PROJECT_ID);
  expect(await counts()).toEqual(new Map());
  for (const path of ["a/1", "a/2", "b/1", "a/1/c/1", "a/1/c/2", "a/2/c/1", "a/1/c/1/d/1", "b/1/a/3"]) {
    await db.doc(path).set({});
  }
  expect([...(await counts())].sort()).toEqual([
    ["a", 3],
    ["b", 1],
    ["c", 3],
    ["d", 1],
  ]);
});

test("collections with a time to live are those of the deployment", async () => {
  expect([...(await expiringCollections())].sort()).toEqual([
    ["checks", "deleteAt"],
    ["idempotency", "expiresAt"],
    ["invocations", "deleteAt"],
  ]);
});
