// What the local cloud counts, beside what Google's price lists say of the same operations.
import { Storage } from "@google-cloud/storage";
import { afterAll, beforeAll, beforeEach, describe, expect, it, test, vi } from "vitest";
import { startEmbedded } from "../../infra/box/firestore/embedded.ts";
import { startMetadata } from "../../infra/box/metadata/startMetadata.ts";
import { startStorage } from "../../infra/box/storage/startStorage.ts";
import { countReads, UsageMeter } from "../../infra/box/usageMeter.ts";
import { connectFirestore } from "../support/firestoreClient.ts";

const meter = new UsageMeter();
const cleanUps: (() => Promise<unknown>)[] = [];
beforeEach(() => meter.reset());
afterAll(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp();
});

test.each([
  [0, 1],
  [1, 1],
  [1_000, 1],
  [1_001, 2],
  [2_000, 2],
])("counting %i entries is %i reads", (entries, reads) => {
  expect(countReads(entries)).toBe(reads);
});

describe("Firestore", () => {
  let db: ReturnType<typeof connectFirestore>;
  beforeAll(async () => {
    const service = await startEmbedded({ meter });
    cleanUps.push(() => service.stop());
    db = connectFirestore(service.address);
    cleanUps.push(() => db.terminate());
    for (let i = 0; i < 5; i++) await db.doc(`five/${i}`).set({ i });
  });
  const none = { reads: 0, writes: 0, deletes: 0, queries: 0, countQueries: 0 };
  const five = () => db.collection("five");

  it.each<[string, () => Promise<unknown>, object]>([
    ["a document", () => db.doc("five/0").get(), { reads: 1 }],
    ["a document that is missing", () => db.doc("five/none").get(), { reads: 1 }],
    [
      "three of which one is missing",
      () => db.getAll(db.doc("five/0"), db.doc("five/1"), db.doc("a/b")),
      { reads: 3 },
    ],
    ["a query", () => five().get(), { reads: 5, queries: 1 }],
    ["a query with a limit", () => five().limit(2).get(), { reads: 2, queries: 1 }],
    [
      "a query that passes two over",
      () => five().orderBy("i").offset(2).limit(2).get(),
      { reads: 4, queries: 1 },
    ],
    ["a query without results", () => five().where("i", ">", 9).get(), { reads: 1, queries: 1 }],
    ["a count", () => five().count().get(), { reads: 1, countQueries: 1 }],
    ["a count of nothing", () => db.collection("none").count().get(), { reads: 1, countQueries: 1 }],
    ["a list of names", () => five().listDocuments(), { reads: 5 }],
    ["a write", () => db.doc("w/a").set({ a: 1 }), { writes: 1 }],
    ["the same write again", () => db.doc("w/a").set({ a: 1 }), { writes: 1 }],
    ["a deletion", () => db.doc("w/a").delete(), { deletes: 1 }],
    [
      "a write that is refused",
      () =>
        db
          .doc("w/none")
          .update({ a: 1 })
          .catch(() => undefined),
      {},
    ],
    [
      "a batch",
      () => db.batch().set(db.doc("w/b"), {}).set(db.doc("w/c"), {}).delete(db.doc("w/d")).commit(),
      { writes: 2, deletes: 1 },
    ],
  ])("%s", async (_what, call, counted) => {
    await call();
    expect(meter.read().firestore).toEqual({ ...none, ...counted });
  });

  it("a transaction is what it reads and writes", async () => {
    await db.runTransaction(async (transaction) => {
      await transaction.get(five().limit(3));
      await transaction.get(db.doc("five/0"));
      transaction.set(db.doc("w/e"), {});
    });
    expect(meter.read().firestore).toEqual({ ...none, reads: 4, queries: 1, writes: 1 });
  });
});

test("Cloud Storage: uploads and lists are class A, reads class B, deletions free, refusals nothing", async () => {
  const environment = { ...process.env };
  const metadata = await startMetadata({ projectId: "demo" });
  const email = "writer@demo.iam.gserviceaccount.com";
  Object.assign(process.env, await metadata.identityEnv(email));
  const service = await startStorage({
    identities: metadata.identities,
    grants: [{ member: email, bucket: "models", role: "writer" }],
    buckets: ["models"],
    meter,
  });
  const storage = new Storage({
    apiEndpoint: service.endpoint,
    projectId: "demo",
    useAuthWithCustomEndpoint: true,
  });
  const bucket = storage.bucket("models");
  // A call is counted once it is answered to the end, which its caller may see first.
  const counts = async (call: () => Promise<unknown>, expected: readonly number[]) => {
    meter.reset();
    await call();
    await vi.waitFor(() => expect(Object.values(meter.read().storage)).toEqual(expected));
  };
  await counts(() => bucket.file("a").save("x", { resumable: false }), [1, 0, 0]);
  await counts(() => bucket.getFiles(), [1, 0, 0]);
  await counts(() => bucket.combine(["a", "a"], "c"), [1, 0, 0]);
  await counts(() => bucket.file("a").setMetadata({ contentType: "a/b" }), [1, 0, 0]);
  await counts(() => bucket.file("a").getMetadata(), [0, 1, 0]);
  await counts(() => bucket.file("a").download(), [0, 1, 0]);
  await counts(() => bucket.file("none").exists(), [0, 0, 0]);
  await counts(() => bucket.file("a").delete(), [0, 0, 1]);
  await service.stop();
  await metadata.stop();
  process.env = environment;
});
