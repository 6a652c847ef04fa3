// Limits: sizes, depths and names that the database refuses, at their inclusive bounds.
import { FieldPath } from "@google-cloud/firestore";
import { status } from "@grpc/grpc-js";
import { expect, it } from "vitest";
import { useFirestore } from "../../support/firestoreClient.ts";

const invalid = { code: status.INVALID_ARGUMENT };

export function limitContract(address: () => string): void {
  const client = useFirestore(address);

  it("takes a value of 1,048,487 bytes and not one more", async () => {
    const ref = client.db.doc("c/d");
    await ref.set({ b: Buffer.alloc(1_048_487) });
    await expect(ref.set({ b: Buffer.alloc(1_048_488) })).rejects.toMatchObject(invalid);
    await expect(ref.set({ s: "é".repeat(524_244) })).rejects.toMatchObject(invalid);
    expect((await ref.get()).get("b")).toHaveLength(1_048_487);
  });

  it("takes a document of 1 MiB, its name and the names of its fields included, and not a byte more", async () => {
    const ref = client.db.doc("c/d");
    const document = (bytes: number) => ({
      a: Buffer.alloc(500_000),
      b: Buffer.alloc(bytes),
      mixed: { int: 1, text: "é", list: [null, true], empty: {} },
    });
    // Name 2 + 2 + 16, document 32, a 2 + 500,000, b 2, mixed 6, int 4 + 8, text 5 + 3, list 5 + 2, empty 6 +
    // 1.
    const free = 1_048_576 - (20 + 32 + 500_002 + 2 + 6 + 12 + 8 + 7 + 7);
    await ref.set(document(free));
    await expect(ref.set(document(free + 1))).rejects.toMatchObject(invalid);
    await expect(ref.update({ more: 1 })).rejects.toMatchObject(invalid);
  });

  it("takes maps in maps 20 deep and not 21", async () => {
    const nested = (depth: number): object => (depth === 0 ? {} : { m: nested(depth - 1) });
    const ref = client.collection().doc();
    await ref.set({ ...nested(20), deepest: { value: nested(18) } });
    await expect(ref.set(nested(21))).rejects.toMatchObject(invalid);
  });

  it("takes arrays in maps in arrays, but not arrays in arrays", async () => {
    const ref = client.collection().doc();
    await ref.set({ list: [{ list: [1] }] });
    await expect(ref.set({ list: [[1]] })).rejects.toMatchObject(invalid);
  });

  it.each(["__reserved__", ".", "..", "x".repeat(1_501), "é".repeat(751)])(
    "refuses the id %s",
    async (id) => {
      await expect(client.collection().doc(id).set({})).rejects.toMatchObject(invalid);
      await expect(client.db.collection(id).doc("d").set({})).rejects.toMatchObject(invalid);
    },
  );

  it.each(["__", "_a_", "__a", "...", "é".repeat(750), "a b:c\\`\"'~*[]"])("takes the id %s", async (id) => {
    const ref = client.collection().doc(id);
    await ref.set({ n: 1 });
    expect((await ref.get()).id).toBe(id);
    expect((await ref.parent.where(FieldPath.documentId(), "==", id).get()).size).toBe(1);
  });

  it("refuses reserved and long names of fields", async () => {
    const ref = client.collection().doc();
    await ref.set({ ["x".repeat(1_500)]: 1 });
    await expect(ref.set({ ["x".repeat(1_501)]: 1 })).rejects.toMatchObject(invalid);
    await expect(ref.set({ __a__: 1 })).rejects.toMatchObject(invalid);
    await expect(ref.set({ map: { __a__: 1 } })).rejects.toMatchObject(invalid);
  });
}
