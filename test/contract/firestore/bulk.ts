// Many writes: large batches, the bulk writer and recursive deletion.
import type { BulkWriterError } from "@google-cloud/firestore";
import { status } from "@grpc/grpc-js";
import { expect, it } from "vitest";
import { useFirestore } from "../../support/firestoreClient.ts";

export function bulkContract(address: () => string): void {
  const client = useFirestore(address);

  it("takes a batch of more than 500 writes", async () => {
    const items = client.collection();
    const batch = client.db.batch();
    for (let i = 0; i < 501; i++) batch.set(items.doc(`d${i}`), { i });
    expect(await batch.commit()).toHaveLength(501);
    expect((await items.count().get()).data().count).toBe(501);
  });

  it("writes in bulk, and reports each failure without stopping the others", async () => {
    const items = client.collection();
    await items.doc("d3").set({ kept: true });
    const writer = client.db.bulkWriter({ throttling: false });
    const failures: (readonly [string, number])[] = [];
    writer.onWriteError(({ documentRef, code }: BulkWriterError) => {
      failures.push([documentRef.id, code]);
      return false;
    });
    const writes = Array.from({ length: 100 }, (_, i) => writer.create(items.doc(`d${i}`), { i }));
    writes.push(writer.update(items.doc("missing"), { i: 0 }));
    const settled = Promise.allSettled(writes);
    await writer.close();
    expect((await settled).filter((each) => each.status === "fulfilled")).toHaveLength(99);
    expect(failures.sort()).toEqual([
      ["d3", status.ALREADY_EXISTS],
      ["missing", status.NOT_FOUND],
    ]);
    expect((await items.doc("d3").get()).data()).toEqual({ kept: true });
  });

  it("deletes a document with all that is inside", async () => {
    const items = client.collection();
    for (const path of ["a", "a/parts/1", "a/parts/1/deep/1", "b", "aa", "a-/parts/1"])
      await items.doc(path).set({});
    await client.db.recursiveDelete(items.doc("a"));
    expect((await items.listDocuments()).map(({ id }) => id)).toEqual(["a-", "aa", "b"]);
    expect((await items.doc("a/parts/1/deep/1").get()).exists).toBe(false);
    await client.db.recursiveDelete(items);
    expect(await items.listDocuments()).toEqual([]);
  });
}
