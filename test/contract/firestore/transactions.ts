// Transactions: isolation, contention, rollback, queries inside, and read-only ones.
import { status } from "@grpc/grpc-js";
import { describe, expect, it } from "vitest";
import { useFirestore } from "../../support/firestoreClient.ts";

/**
 * The official emulator settles a contended document by time limits of seconds, the embedded server by a
 * queue.
 */
const contenders = { embedded: 20, official: 3 };
const MAX_CLOSED = 5;

export function transactionContract(address: () => string, implementation: "embedded" | "official"): void {
  const client = useFirestore(address);
  const racers = contenders[implementation];

  /**
   * Of two that wait for each other the official emulator ends one, and sometimes answers its next read that
   * the transaction is closed, as if the caller had made a mistake. The library believes it, so it is begun
   * again here.
   */
  async function untilSettled(run: () => Promise<void>): Promise<void> {
    for (let closed = 0; ; closed++) {
      try {
        return await run();
      } catch (error) {
        const isClosed = error instanceof Error && error.message.includes("Transaction is invalid or closed");
        if (implementation === "embedded" || !isClosed || closed === MAX_CLOSED) throw error;
      }
    }
  }

  it(`loses no update of ${racers} that read and write one document`, async () => {
    const ref = client.collection().doc();
    await ref.set({ n: 0 });
    const increment = () =>
      client.db.runTransaction(
        async (transaction) => {
          const n = (await transaction.get(ref)).get("n");
          transaction.update(ref, { n: n + 1 });
        },
        { maxAttempts: 50 },
      );
    await Promise.all(Array.from({ length: racers }, increment));
    expect((await ref.get()).data()).toEqual({ n: racers });
  });

  it(`lets one of ${racers} that look first make a document`, async () => {
    const ref = client.collection().doc();
    const claim = (by: number) =>
      client.db.runTransaction(
        async (transaction) => {
          if ((await transaction.get(ref)).exists) return [];
          transaction.create(ref, { by });
          return [by];
        },
        { maxAttempts: 50 },
      );
    const winners = (await Promise.all(Array.from({ length: racers }, (_, by) => claim(by)))).flat();
    expect(winners).toHaveLength(1);
    expect((await ref.get()).data()).toEqual({ by: winners[0] });
  });

  it("gives each of 200 its own document without any trying again", async () => {
    const items = client.collection();
    const refs = Array.from({ length: 200 }, (_, i) => items.doc(`d${i}`));
    let attempts = 0;
    await Promise.all(
      refs.map((ref) =>
        client.db.runTransaction(async (transaction) => {
          attempts++;
          const { exists } = await transaction.get(ref);
          transaction.set(ref, { exists });
        }),
      ),
    );
    expect(attempts).toBe(200);
    expect((await items.where("exists", "==", false).count().get()).data().count).toBe(200);
  });

  it("keeps a sum when two move amounts between the same documents in opposite order", async () => {
    const [a, b] = [client.collection().doc(), client.collection().doc()];
    await Promise.all([a.set({ n: 10 }), b.set({ n: 10 })]);
    const move = (from: typeof a, to: typeof a) =>
      client.db.runTransaction(
        async (transaction) => {
          const source = (await transaction.get(from)).get("n");
          const target = (await transaction.get(to)).get("n");
          transaction.update(from, { n: source - 1 }).update(to, { n: target + 1 });
        },
        { maxAttempts: 50 },
      );
    await Promise.all([untilSettled(() => move(a, b)), untilSettled(() => move(b, a))]);
    expect((await a.get()).get("n")).toBe(10);
    expect((await b.get()).get("n")).toBe(10);
  });

  it("holds back a write from outside to what it has read", async () => {
    const ref = client.collection().doc();
    await ref.set({ n: 0 });
    let attempts = 0;
    let outside: Promise<unknown> = Promise.resolve();
    await client.db.runTransaction(async (transaction) => {
      attempts++;
      const n = (await transaction.get(ref)).get("n");
      outside = ref.set({ n: 100 });
      await new Promise((resolve) => setTimeout(resolve, 100));
      transaction.update(ref, { n: n + 1 });
    });
    await outside;
    expect(attempts).toBe(1);
    expect((await ref.get()).data()).toEqual({ n: 100 });
  });

  it("writes nothing and holds nothing after its function has thrown", async () => {
    const ref = client.collection().doc();
    await ref.set({ n: 1 });
    const failing = client.db.runTransaction(async (transaction) => {
      transaction.update((await transaction.get(ref)).ref, { n: 2 });
      throw new Error("changed its mind");
    });
    await expect(failing).rejects.toThrow("changed its mind");
    expect((await ref.get()).data()).toEqual({ n: 1 });
    await ref.update({ n: 3 });
    expect((await ref.get()).data()).toEqual({ n: 3 });
  });

  it("writes all of its documents or none, and does not try again what cannot succeed", async () => {
    const [first, second] = [client.collection().doc(), client.collection().doc()];
    await second.set({});
    let attempts = 0;
    const failing = client.db.runTransaction(async (transaction) => {
      attempts++;
      await transaction.getAll(first, second);
      transaction.create(first, {}).create(second, {});
    });
    await expect(failing).rejects.toMatchObject({ code: status.ALREADY_EXISTS });
    expect(attempts).toBe(1);
    expect((await first.get()).exists).toBe(false);
  });

  it("writes what it has not read", async () => {
    const ref = client.collection().doc();
    await client.db.runTransaction(async (transaction) => void transaction.create(ref, { n: 1 }));
    expect((await ref.get()).data()).toEqual({ n: 1 });
  });

  it("reads several documents at the same time, one of them twice", async () => {
    const items = client.collection();
    await items.doc("a").set({ n: 1 });
    const found = await client.db.runTransaction(async (transaction) => {
      const reads = ["a", "b", "a", "c"].map((id) => transaction.get(items.doc(id)));
      const snapshots = await Promise.all(reads);
      transaction.set(items.doc("b"), { n: 2 });
      return snapshots.map(({ exists }) => exists);
    });
    expect(found).toEqual([true, false, true, false]);
    expect((await items.count().get()).data().count).toBe(2);
  });

  describe("with queries inside", () => {
    it("changes what it has found", async () => {
      const items = client.collection();
      await Promise.all([1, 2, 3].map((n) => items.doc(`d${n}`).set({ n })));
      await client.db.runTransaction(async (transaction) => {
        const { docs } = await transaction.get(items.where("n", ">=", 2));
        for (const { ref } of docs) transaction.update(ref, { seen: true });
      });
      expect((await items.where("seen", "==", true).get()).docs.map(({ id }) => id)).toEqual(["d2", "d3"]);
    });

    it("hands out each of two tasks once to three that ask for the first free one", async () => {
      const items = client.collection();
      await Promise.all(["a", "b"].map((id) => items.doc(id).set({ free: true })));
      const take = () =>
        client.db.runTransaction(
          async (transaction) => {
            const { docs } = await transaction.get(items.where("free", "==", true).limit(1));
            for (const { ref } of docs) transaction.update(ref, { free: false });
            return docs.map(({ id }) => id);
          },
          { maxAttempts: 20 },
        );
      const taken = (await Promise.all([take(), take(), take()])).flat();
      expect(taken.sort()).toEqual(["a", "b"]);
    });

    it("notices a document that another has added to what it counted", async () => {
      const items = client.collection();
      const enterIfEmpty = (id: string) =>
        client.db.runTransaction(
          async (transaction) => {
            const { count } = (await transaction.get(items.count())).data();
            if (count === 0) transaction.create(items.doc(id), {});
            return count;
          },
          { maxAttempts: 20 },
        );
      const counts = await Promise.all([enterIfEmpty("a"), enterIfEmpty("b")]);
      expect(counts.sort()).toEqual([0, 1]);
      expect((await items.count().get()).data().count).toBe(1);
    });
  });

  describe("read-only", () => {
    it("sees the documents as they were when it began, queries and counts too", async () => {
      const items = client.collection();
      const ref = items.doc("a");
      await ref.set({ n: 1 });
      const seen = await client.db.runTransaction(
        async (transaction) => {
          const before = (await transaction.get(ref)).data();
          await ref.set({ n: 2 });
          await items.doc("b").set({ n: 2 });
          const { docs } = await transaction.get(items.orderBy("n"));
          const { count } = (await transaction.get(items.count())).data();
          return {
            before,
            after: (await transaction.get(ref)).data(),
            found: docs.map((each) => each.data()),
            count,
          };
        },
        { readOnly: true },
      );
      expect(seen).toEqual({ before: { n: 1 }, after: { n: 1 }, found: [{ n: 1 }], count: 1 });
    });

    it("sees them as they were at a time of the past, the deleted ones too", async () => {
      const items = client.collection();
      await items.doc("a").set({ n: 1 });
      const { writeTime } = await items.doc("b").set({ n: 1 });
      await items.doc("a").delete();
      await items.doc("b").set({ n: 2 });
      await items.doc("c").set({ n: 1 });
      const found = await client.db.runTransaction(
        async (transaction) => {
          const { docs } = await transaction.get(items.where("n", "==", 1));
          return docs.map(({ id }) => id);
        },
        { readOnly: true, readTime: writeTime },
      );
      expect(found).toEqual(["a", "b"]);
    });
  });
}
