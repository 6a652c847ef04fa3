// Listening: the state first, then every change, in order and without gaps.
import type { DocumentSnapshot, QuerySnapshot } from "@google-cloud/firestore";
import { expect, it, vi } from "vitest";
import { useFirestore } from "../../support/firestoreClient.ts";

export function listenContract(address: () => string): void {
  const client = useFirestore(address);
  const until = (assert: () => void) => vi.waitFor(assert, { timeout: 10_000, interval: 10 });

  it("follows a document from missing to made, changed and deleted", async () => {
    const ref = client.collection().doc();
    const seen: (number | null)[] = [];
    const stop = ref.onSnapshot((snapshot) => seen.push(snapshot.get("n") ?? null));
    await until(() => expect(seen).toEqual([null]));
    await ref.set({ n: 1 });
    await until(() => expect(seen).toEqual([null, 1]));
    await ref.set({ n: 2 });
    await until(() => expect(seen).toEqual([null, 1, 2]));
    await ref.delete();
    await until(() => expect(seen).toEqual([null, 1, 2, null]));
    stop();
  });

  it("reports what enters, changes in and leaves the results of a query", async () => {
    const items = client.collection();
    await items.doc("a").set({ n: 1 });
    await items.doc("b").set({ n: 2 });
    const seen: string[][] = [];
    const note = (snapshot: QuerySnapshot) =>
      seen.push(snapshot.docChanges().map(({ type, doc, newIndex }) => `${type} ${doc.id} ${newIndex}`));
    const stop = items.where("n", ">", 0).orderBy("n").limit(2).onSnapshot(note);
    await until(() => expect(seen.at(-1)).toEqual(["added a 0", "added b 1"]));
    await items.doc("c").set({ n: 1.5 });
    await until(() => expect(seen.at(-1)).toEqual(["removed b -1", "added c 1"]));
    await items.doc("a").update({ n: 1.7 });
    await until(() => expect(seen.at(-1)).toEqual(["modified a 1"]));
    await items.doc("c").update({ n: 0 });
    await until(() => expect(seen.at(-1)).toEqual(["removed c -1", "added b 1"]));
    await items.doc("a").delete();
    await until(() => expect(seen.at(-1)).toEqual(["removed a -1"]));
    expect(seen).toHaveLength(5);
    stop();
  });

  it("shows a batch as one change", async () => {
    const items = client.collection();
    const sizes: number[] = [];
    const stop = items.onSnapshot(({ size }) => sizes.push(size));
    await until(() => expect(sizes).toEqual([0]));
    const batch = client.db.batch();
    for (let n = 0; n < 20; n++) batch.set(items.doc(), { n });
    await batch.commit();
    await until(() => expect(sizes).toEqual([0, 20]));
    stop();
  });

  it("ends with the last of many quick changes, never going back", async () => {
    const ref = client.collection().doc();
    const seen: number[] = [];
    const stop = ref.onSnapshot((snapshot: DocumentSnapshot) => seen.push(snapshot.get("n") ?? -1));
    for (let n = 0; n <= 50; n++) await ref.set({ n });
    await until(() => expect(seen.at(-1)).toBe(50));
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    stop();
  });

  it("says nothing of other documents, of writes without a change, or after it is stopped", async () => {
    const items = client.collection();
    await items.doc("a").set({ n: 1 });
    let calls = 0;
    const stop = items.doc("a").onSnapshot(() => {
      calls++;
    });
    await until(() => expect(calls).toBe(1));
    await items.doc("b").set({ n: 1 });
    await items.doc("a").set({ n: 1 });
    await items.doc("a").set({ n: 2 });
    await until(() => expect(calls).toBe(2));
    stop();
    await items.doc("a").set({ n: 3 });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(calls).toBe(2);
  });
}
