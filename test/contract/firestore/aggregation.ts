// Counts of what a query finds.
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
}
