// Preconditions: what a write requires of the document, and that a batch is written whole or not at all.
import { status } from "@grpc/grpc-js";
import { expect, it } from "vitest";
import { useFirestore } from "../../support/firestoreClient.ts";

export function preconditionContract(address: () => string): void {
  const client = useFirestore(address);

  it("creates a document only where there is none", async () => {
    const ref = client.collection().doc();
    await ref.create({ n: 1 });
    await expect(ref.create({ n: 2 })).rejects.toMatchObject({ code: status.ALREADY_EXISTS });
    expect((await ref.get()).data()).toEqual({ n: 1 });
  });

  it("lets one of many creators win", async () => {
    const ref = client.collection().doc();
    const outcomes = await Promise.allSettled(Array.from({ length: 10 }, (_, by) => ref.create({ by })));
    expect(outcomes.filter((each) => each.status === "fulfilled")).toHaveLength(1);
    const losers = outcomes.flatMap((each) => (each.status === "rejected" ? [each.reason.code] : []));
    expect(new Set(losers)).toEqual(new Set([status.ALREADY_EXISTS]));
  });

  it("updates only what exists", async () => {
    const ref = client.collection().doc();
    await expect(ref.update({ n: 1 })).rejects.toMatchObject({ code: status.NOT_FOUND });
    expect((await ref.get()).exists).toBe(false);
  });

  it("deletes what does not exist, unless it must", async () => {
    const ref = client.collection().doc();
    await ref.delete();
    await expect(ref.delete({ exists: true })).rejects.toMatchObject({ code: status.NOT_FOUND });
  });

  it("writes only over the version that the writer knows", async () => {
    const ref = client.collection().doc();
    const { writeTime } = await ref.set({ n: 1 });
    const { writeTime: newer } = await ref.update({ n: 2 }, { lastUpdateTime: writeTime });
    const stale = { lastUpdateTime: writeTime };
    await expect(ref.update({ n: 3 }, stale)).rejects.toMatchObject({ code: status.FAILED_PRECONDITION });
    await expect(ref.delete(stale)).rejects.toMatchObject({ code: status.FAILED_PRECONDITION });
    expect((await ref.get()).data()).toEqual({ n: 2 });
    await ref.delete({ lastUpdateTime: newer });
    await expect(ref.delete({ lastUpdateTime: newer })).rejects.toMatchObject({
      code: status.FAILED_PRECONDITION,
    });
  });

  it("writes a batch whole or not at all", async () => {
    const items = client.collection();
    const batch = client.db.batch();
    batch.set(items.doc("first"), { n: 1 });
    batch.update(items.doc("missing"), { n: 1 });
    await expect(batch.commit()).rejects.toMatchObject({ code: status.NOT_FOUND });
    expect((await items.doc("first").get()).exists).toBe(false);
  });
}
