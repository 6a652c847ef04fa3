// Documents: every type there and back, the transforms, merging, masks and lists.
import { FieldPath, FieldValue, GeoPoint, Timestamp } from "@google-cloud/firestore";
import { expect, it } from "vitest";
import { connectFirestore, useFirestore } from "../../support/firestoreClient.ts";

export function documentContract(address: () => string): void {
  const client = useFirestore(address);

  it("gives back every type as it was", async () => {
    const ref = client.collection().doc("types");
    const value = {
      nothing: null,
      yes: true,
      integer: 2 ** 40,
      largest: Number.MAX_SAFE_INTEGER,
      fraction: 1.5,
      infinity: Number.NEGATIVE_INFINITY,
      text: "é 😀 ￿",
      bytes: Buffer.from([0, 255, 1]),
      time: new Timestamp(-1, 123_456_000),
      place: new GeoPoint(0, -180),
      list: [1, "a", { deep: [null] }, {}],
      map: { empty: {}, "a.b `c`": 1, constructor: "own" },
      reference: ref,
      vector: FieldValue.vector([1, 2.5]),
    };
    await ref.set(value);
    const { vector, reference, ...data } = (await ref.get()).data() ?? {};
    const { vector: _, reference: __, ...expected } = value;
    expect(data).toEqual(expected);
    expect(vector.toArray()).toEqual([1, 2.5]);
    expect(reference.path).toBe(ref.path);
  });

  it("keeps NaN, the sign of zero and the kinds of numbers", async () => {
    const ref = client.collection().doc("numbers");
    await ref.set({ nan: Number.NaN, zero: -0, one: 1 });
    const data = (await ref.get()).data();
    expect(data?.["nan"]).toBeNaN();
    expect(Object.is(data?.["zero"], -0)).toBe(true);
    expect(data?.["one"]).toBe(1);
  });

  it("stores times in whole microseconds, rounded down", async () => {
    const ref = client.collection().doc("time");
    await ref.set({ at: new Timestamp(5, 123_456_999), inside: [new Timestamp(5, 999)] });
    const data = (await ref.get()).data();
    expect(data?.["at"]).toEqual(new Timestamp(5, 123_456_000));
    expect(data?.["inside"]).toEqual([new Timestamp(5, 0)]);
  });

  it("dates a document by its first and its last change, and a write without a change not at all", async () => {
    const ref = client.collection().doc("dates");
    const first = await ref.set({ n: 1 });
    const second = await ref.set({ n: 2 });
    await ref.set({ n: 2 });
    const snapshot = await ref.get();
    expect(snapshot.createTime).toEqual(first.writeTime);
    expect(snapshot.updateTime).toEqual(second.writeTime);
    expect(second.writeTime.valueOf() > first.writeTime.valueOf()).toBe(true);
    expect(snapshot.readTime.valueOf() >= second.writeTime.valueOf()).toBe(true);
  });

  it("sees a document that is deleted and made again as a new one", async () => {
    const ref = client.collection().doc("again");
    const first = await ref.set({ n: 1 });
    await ref.delete();
    expect((await ref.get()).exists).toBe(false);
    await ref.set({ n: 1 });
    expect((await ref.get()).createTime?.valueOf() ?? "").not.toBe(first.writeTime.valueOf());
  });

  it("merges maps, or only the fields named", async () => {
    const ref = client.collection().doc("merge");
    await ref.set({ map: { x: 1, y: 2 }, other: 1, gone: 1 });
    await ref.set({ map: { x: 9 }, gone: FieldValue.delete() }, { merge: true });
    await ref.set({ map: { y: 3 }, other: 5 }, { mergeFields: ["map.y"] });
    expect((await ref.get()).data()).toEqual({ map: { x: 9, y: 3 }, other: 1 });
  });

  it("updates single fields, whatever is in their names or in their place", async () => {
    const ref = client.collection().doc("update");
    await ref.set({ map: { x: 1, y: 2 }, scalar: 1 });
    await ref.update(new FieldPath("map", "a.b `c\\`"), 3, "map.x", FieldValue.delete(), "scalar.inner", 4);
    expect((await ref.get()).data()).toEqual({ map: { y: 2, "a.b `c\\`": 3 }, scalar: { inner: 4 } });
  });

  it("applies the writes of a batch in their order, also to one document", async () => {
    const ref = client.collection().doc("order");
    const batch = client.db.batch();
    batch.create(ref, { n: 1, kept: 1 });
    batch.update(ref, { n: 2 });
    batch.update(ref, { n: 3 });
    const results = await batch.commit();
    expect(results).toHaveLength(3);
    expect((await ref.get()).data()).toEqual({ n: 3, kept: 1 });
  });

  it("gets several documents in the order asked for, missing ones and repeated ones too, with the fields asked for", async () => {
    const items = client.collection();
    await items.doc("a").set({ i: 1, map: { x: 1, y: 2 } });
    const [a, b, same] = await client.db.getAll(items.doc("a"), items.doc("b"), items.doc("a"), {
      fieldMask: ["i", "map.y", "absent"],
    });
    expect(a?.data()).toEqual({ i: 1, map: { y: 2 } });
    expect(b?.exists).toBe(false);
    expect(same?.data()).toEqual(a?.data());
  });

  it("lists documents, those that only hold others too, and the collections inside", async () => {
    const items = client.collection();
    await items.doc("b").set({});
    await items.doc("a/z/1").set({});
    await items.doc("a/y/1").set({});
    expect((await items.listDocuments()).map(({ id }) => id)).toEqual(["a", "b"]);
    expect((await items.doc("a").listCollections()).map(({ id }) => id)).toEqual(["y", "z"]);
    expect(await items.doc("b").listCollections()).toEqual([]);
  });

  it("lists the collections at the top", async () => {
    const db = connectFirestore(address());
    await db.doc("b/1/inner/1").set({});
    await db.doc("a/1").set({});
    expect((await db.listCollections()).map(({ id }) => id)).toEqual(["a", "b"]);
    await db.terminate();
  });

  it("keeps projects and databases apart", async () => {
    const projectId = "two-databases";
    const other = connectFirestore(address(), { projectId });
    const named = connectFirestore(address(), { projectId, databaseId: "named" });
    await other.doc("c/d").set({ n: 1 });
    expect((await named.doc("c/d").get()).exists).toBe(false);
    expect((await client.db.doc("c/d").get()).exists).toBe(false);
    await Promise.all([other.terminate(), named.terminate()]);
  });
}
