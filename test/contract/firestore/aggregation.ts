// Count, sum and average.
import { AggregateField } from "@google-cloud/firestore";
import { expect, it } from "vitest";
import { useFirestore } from "../../support/firestoreClient.ts";

export function aggregationContract(address: () => string): void {
  const client = useFirestore(address);

  it("counts what a query finds, also with a limit and none at all", async () => {
    const items = client.collection();
    await Promise.all([1, 2, 3, 4].map((n) => items.doc(`d${n}`).set({ n, even: n % 2 === 0 })));
    const count = async (query: typeof items | ReturnType<typeof items.where>) =>
      (await query.count().get()).data().count;
    expect(await count(items)).toBe(4);
    expect(await count(items.where("even", "==", true))).toBe(2);
    expect(await count(items.where("n", "in", [1, 4, 5]))).toBe(2);
    expect(await count(items.where("n", ">", 1).limit(2))).toBe(2);
    expect(await count(items.where("n", ">", 9))).toBe(0);
  });

  it("sums and averages numbers, passing over other values, and counts no document without the field", async () => {
    const items = client.collection();
    const values = [1, 2, 4.5, "text", null, [1]];
    await Promise.all(values.map((n) => items.add({ n })));
    await items.add({ other: 1 });
    const found = await items
      .aggregate({
        sum: AggregateField.sum("n"),
        average: AggregateField.average("n"),
        count: AggregateField.count(),
      })
      .get();
    expect(found.data()).toEqual({ sum: 7.5, average: 2.5, count: 6 });
    const none = await items
      .aggregate({ sum: AggregateField.sum("absent"), average: AggregateField.average("absent") })
      .get();
    expect(none.data()).toEqual({ sum: 0, average: null });
  });

  it("sums integers exactly, and falls back to floating point beyond 64 bits", async () => {
    const items = client.collection();
    const sum = async () => (await items.aggregate({ sum: AggregateField.sum("n") }).get()).data().sum;
    await items.add({ n: Number.MAX_SAFE_INTEGER });
    await items.add({ n: -Number.MAX_SAFE_INTEGER + 1 });
    expect(await sum()).toBe(1);
    await items.add({ n: Number.NaN });
    expect(await sum()).toBeNaN();
  });
}
