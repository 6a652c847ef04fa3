// Index entries: their published sizes, the limits that they count towards, and queries of fields that have
// none.
import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { databaseIndexes } from "../../infra/box/databaseIndexes.ts";
import { startEmbedded } from "../../infra/box/firestore/embedded.ts";
import { automaticIndexes, type CompositeIndex, indexEntries } from "../../infra/box/firestore/indexes.ts";
import { commitSize, maxCommitBytes } from "../../infra/box/firestore/limits.ts";
import type { Fields } from "../../infra/box/firestore/messages.ts";
import { documentSize } from "../../infra/box/firestore/sizes.ts";
import type { Service } from "../../infra/box/service.ts";
import { useFirestore } from "../support/firestoreClient.ts";

const root = "projects/p/databases/(default)/documents";
const name = `${root}/users/jeff/tasks/my_task_id`;
const fields: Fields = {
  type: { valueType: "stringValue", stringValue: "Personal" },
  done: { valueType: "booleanValue", booleanValue: false },
  priority: { valueType: "integerValue", integerValue: "1" },
  description: { valueType: "stringValue", stringValue: "Learn Cloud Firestore" },
};
const entry = (document: Fields, index: string, composite: readonly CompositeIndex[] = []) => {
  const entries = indexEntries({ name, fields: document }, { ...automaticIndexes, composite });
  return [...entries].filter(([key]) => key.startsWith(index)).map(([, sizeBytes]) => sizeBytes);
};
const stored = (of: Fields) => ({ name, fields: of, createTime: 1, updateTime: 1 });
const store = (document?: Fields) => ({ get: () => (document === undefined ? undefined : stored(document)) });

describe("index entries", () => {
  it("have the sizes of the documentation's examples", () => {
    const composite = (scope: CompositeIndex["scope"]): CompositeIndex[] => [
      { collectionId: "tasks", scope, fields: ["done", "priority"] },
    ];
    expect(documentSize(name, fields)).toBe(147);
    expect(entry(fields, "done ascending")).toEqual([109]);
    expect(entry(fields, "done descending")).toEqual([109]);
    expect(entry(fields, "COLLECTION ", composite("COLLECTION"))).toEqual([112]);
    expect(entry(fields, "COLLECTION_GROUP ", composite("COLLECTION_GROUP"))).toEqual([85]);
    const other = composite("COLLECTION").map((index) => ({ ...index, fields: ["done", "missing"] }));
    expect(entry(fields, "COLLECTION ", other)).toEqual([]);
  });

  it("stand for each field of a map, each different element of an array, and 1,500 bytes of a value at most", () => {
    const text = (stringValue: string) => ({ valueType: "stringValue" as const, stringValue });
    const map = { valueType: "mapValue" as const, mapValue: { fields: { inner: text("é") } } };
    const array = {
      valueType: "arrayValue" as const,
      arrayValue: { values: [text("a"), text("b"), text("a")] },
    };
    const entries = indexEntries(
      { name, fields: { map, array, long: text("x".repeat(5_000)) } },
      automaticIndexes,
    );
    const named = 44 + 27 + 32;
    expect([...entries.values()]).toEqual([
      named + 10 + 3,
      named + 10 + 3,
      named + 6 + 2,
      named + 6 + 2,
      named + 5 + 1_500,
      named + 5 + 1_500,
    ]);
  });

  it("do not exist for an exempt field or anything in it", () => {
    const map = { valueType: "mapValue" as const, mapValue: { fields } };
    const rules = { ...automaticIndexes, unindexed: { tasks: ["map", "done"] } };
    const indexed = [...indexEntries({ name, fields: { ...fields, map } }, rules).keys()].map(
      (key) => key.split(" ")[0],
    );
    expect(new Set(indexed)).toEqual(new Set(["type", "priority", "description"]));
  });

  it("count in a commit where they are made or removed", () => {
    const all = [...indexEntries({ name, fields }, automaticIndexes).values()].reduce(
      (sum, bytes) => sum + bytes,
      0,
    );
    const size = (before: Fields | undefined, after: Fields | null) =>
      commitSize(store(before), new Map([[name, after === null ? null : stored(after)]]), automaticIndexes);
    expect(size(undefined, fields)).toBe(147 + all);
    expect(size(fields, null)).toBe(147 + all);
    expect(size(fields, fields)).toBe(147);
    expect(size(undefined, null)).toBe(0);
    const done: Fields = { ...fields, done: { valueType: "booleanValue", booleanValue: true } };
    expect(size(fields, done)).toBe(147 + 4 * 109);
  });
});

describe("the embedded server", () => {
  let automatic: Service;
  let deployed: Service;
  beforeAll(async () => {
    [automatic, deployed] = await Promise.all([startEmbedded(), startEmbedded({ indexes: databaseIndexes })]);
  });
  afterAll(() => Promise.all([automatic.stop(), deployed.stop()]));
  const ofAutomatic = useFirestore(() => automatic.address);
  const ofDeployed = useFirestore(() => deployed.address);

  it("takes a commit of 10 MiB, index entries included, and not a byte more", async () => {
    const { db } = ofAutomatic;
    const commit = (sizeBytes: number, collection: string) => {
      const batch = db.batch();
      for (let i = 0; i < sizeBytes; i++)
        batch.set(db.doc(`${collection}/${String(i).padStart(3, "0")}`), { b: Buffer.alloc(98_000) });
      return batch.commit();
    };
    // A document of 98,000 bytes of value and 54 more, and two entries of 1,500 bytes of value and 72 more.
    const each = 98_000 + 54 + 2 * (1_500 + 72);
    const most = Math.floor(maxCommitBytes / each);
    await commit(most, "m");
    await expect(commit(most + 1, "n")).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
      message: expect.stringContaining("Transaction too big. Decrease transaction size."),
    });
    expect((await db.collection("n").get()).size).toBe(0);
  });

  it("refuses a document with more than 40,000 index entries", async () => {
    const document = (count: number) => ({ list: Array.from({ length: count }, (_, i) => i) });
    const { db } = ofAutomatic;
    await db.doc("c/d").set(document(40_000));
    await expect(db.doc("c/d").set(document(40_001))).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
    });
  });

  it("refuses a query of a field that is exempt, and of a collection group without an index for it", async () => {
    const { db } = ofDeployed;
    await db.doc("runs/r/rounds/0001").set({ status: "closed", round: 1 });
    const rounds = db.collection("runs/r/rounds");
    expect((await rounds.where("status", "==", "closed").get()).size).toBe(1);
    const missing = {
      code: status.FAILED_PRECONDITION,
      message: expect.stringContaining("requires an index"),
    };
    await expect(rounds.where("round", "==", 1).get()).rejects.toMatchObject(missing);
    await expect(rounds.where("round", "==", 1).count().get()).rejects.toMatchObject(missing);
    await expect(rounds.orderBy("round").get()).rejects.toMatchObject(missing);
    const group = db.collectionGroup("rounds").where("status", "==", "closed");
    await expect(db.collectionGroup("rounds").where("accuracy", "==", 1).get()).rejects.toMatchObject(
      missing,
    );
    expect((await group.orderBy("openedAt", "desc").get()).size).toBe(0);
  });
});
