// Queries: filters, order, cursors, pages, selections and collection groups.
import { FieldPath, Filter, type Query, type QuerySnapshot } from "@google-cloud/firestore";
import { beforeAll, describe, expect, it } from "vitest";
import { useFirestore } from "../../support/firestoreClient.ts";

const ids = ({ docs }: QuerySnapshot) => docs.map(({ id }) => id);
const idsOf = async (query: Query) => ids(await query.get());

export function queryContract(address: () => string): void {
  const client = useFirestore(address);
  const items = () => client.db.collection("items");

  /** 40 documents i00 … i39. */
  beforeAll(async () => {
    const batch = client.db.batch();
    for (let i = 0; i < 40; i++) {
      const id = `i${String(i).padStart(2, "0")}`;
      batch.set(items().doc(id), { i, group: i % 4, tags: [`t${i % 3}`, "all"], map: { part: i % 5 } });
    }
    await batch.commit();
  });

  it.each([
    ["==", "group", 1, 10],
    ["!=", "group", 0, 30],
    ["<", "i", 5, 5],
    ["<=", "i", 5, 6],
    [">", "i", 5, 34],
    [">=", "i", 5, 35],
    ["in", "i", [1, 2, 99], 2],
    ["not-in", "group", [0, 1], 20],
    ["array-contains", "tags", "t0", 14],
    ["array-contains-any", "tags", ["t0", "t1"], 27],
    ["==", "map.part", 2, 8],
    ["==", "map", { part: 2 }, 8],
    ["==", "absent", 1, 0],
    ["!=", "absent", 1, 0],
    ["==", "i", "1", 0],
    ["<", "i", "a", 0],
  ] as const)("finds by %s of %s and %j", async (operator, field, value, count) => {
    expect((await items().where(field, operator, value).get()).size).toBe(count);
  });

  it("finds by several filters at once, with the fields in any order", async () => {
    expect((await items().where("i", ">=", 5).where("i", "<", 9).get()).size).toBe(4);
    expect((await items().where("i", ">", 5).where("group", ">", 1).get()).size).toBe(18);
    expect(await idsOf(items().where("group", "==", 1).orderBy("i", "desc").limit(3))).toEqual([
      "i37",
      "i33",
      "i29",
    ]);
  });

  it("finds by OR, also inside AND", async () => {
    const either = Filter.or(
      Filter.where("i", "==", 1),
      Filter.where("i", "==", 2),
      Filter.where("map.part", "==", 3),
    );
    expect((await items().where(either).get()).size).toBe(10);
    expect(
      (
        await items()
          .where(Filter.and(either, Filter.where("group", "==", 1)))
          .get()
      ).size,
    ).toBe(3);
  });

  it("distinguishes null, NaN and a missing field", async () => {
    const odd = client.collection();
    const values = { null: null, nan: Number.NaN, zero: 0, text: "" };
    await Promise.all(Object.entries(values).map(([id, v]) => odd.doc(id).set({ v })));
    await odd.doc("none").set({ other: 1 });
    expect(await idsOf(odd.where("v", "==", null))).toEqual(["null"]);
    expect(await idsOf(odd.where("v", "==", Number.NaN))).toEqual(["nan"]);
    expect(await idsOf(odd.where("v", "!=", null))).toEqual(["nan", "zero", "text"]);
    expect(await idsOf(odd.where("v", "!=", Number.NaN))).toEqual(["zero", "text"]);
    expect(await idsOf(odd.where("v", "!=", 1))).toEqual(["nan", "zero", "text"]);
    expect(await idsOf(odd.where("v", "<", 1))).toEqual(["zero"]);
    expect(await idsOf(odd.orderBy("v"))).toEqual(["null", "nan", "zero", "text"]);
  });

  it("orders values of all types, and equal ones by name", async () => {
    const mixed = client.collection();
    const inOrder: unknown[] = [
      null,
      false,
      true,
      Number.NaN,
      Number.NEGATIVE_INFINITY,
      -1,
      0,
      1,
      1.5,
      2,
      new Date(0),
      new Date(1),
      "",
      "a",
      "a\u0000",
      "aa",
      "é",
      "￿",
      "😀",
      Buffer.from([]),
      Buffer.from([1]),
      Buffer.from([255]),
      mixed.doc("x"),
      mixed.doc("x").collection("y").doc("z"),
      mixed.doc("x-"),
      [],
      [1],
      [1, 1],
      [2],
      {},
      { a: 1 },
      { a: 1, b: 0 },
      { a: 2 },
      { b: 0 },
    ];
    const batch = client.db.batch();
    for (const [i, v] of inOrder.entries())
      batch.set(mixed.doc(`d${String((i * 7) % 34).padStart(2, "0")}`), { v, i });
    await batch.commit();
    const places = inOrder.map((_, i) => i);
    const up = (await mixed.orderBy("v").get()).docs.map((each) => each.get("i"));
    const down = (await mixed.orderBy("v", "desc").get()).docs.map((each) => each.get("i"));
    expect(up).toEqual(places);
    expect(down).toEqual(places.toReversed());
    expect(await idsOf(items().where("group", "==", 3).orderBy("group").limit(3))).toEqual([
      "i03",
      "i07",
      "i11",
    ]);
    expect(await idsOf(items().where("group", "==", 3).orderBy("group", "desc").limit(2))).toEqual([
      "i39",
      "i35",
    ]);
  });

  it("leaves out what lacks a field it orders by", async () => {
    const some = client.collection();
    await some.doc("with").set({ n: 1 });
    await some.doc("without").set({ m: 1 });
    expect(await idsOf(some.orderBy("n"))).toEqual(["with"]);
  });

  describe("cursors and pages", () => {
    const numbers = async (query: Query) => (await query.get()).docs.map((each) => each.get("i"));

    it("begin and end at or beside a value", async () => {
      const ordered = items().orderBy("i");
      expect(await numbers(ordered.startAt(37))).toEqual([37, 38, 39]);
      expect(await numbers(ordered.startAfter(37))).toEqual([38, 39]);
      expect(await numbers(ordered.endAt(2))).toEqual([0, 1, 2]);
      expect(await numbers(ordered.endBefore(2))).toEqual([0, 1]);
      expect(await numbers(items().orderBy("i", "desc").startAt(2))).toEqual([2, 1, 0]);
      expect(await numbers(ordered.startAt(1.5).endAt(3.5))).toEqual([2, 3]);
      expect(await numbers(ordered.startAt("text"))).toEqual([]);
    });

    it("take the first, the last, or none of the rest", async () => {
      expect(await numbers(items().orderBy("i").limit(2))).toEqual([0, 1]);
      expect(await numbers(items().orderBy("i").limitToLast(2))).toEqual([38, 39]);
      expect(await numbers(items().orderBy("i").offset(38))).toEqual([38, 39]);
      expect(await numbers(items().orderBy("i").offset(50))).toEqual([]);
    });

    it.each([
      ["by name", (query: Query) => query],
      ["by a field with ties", (query: Query) => query.orderBy("group").orderBy(FieldPath.documentId())],
      ["by a field with ties, backwards", (query: Query) => query.orderBy("group", "desc")],
      ["by a filter", (query: Query) => query.where("i", ">=", 0).where("group", "<", 9)],
    ])("walk over all documents %s, each once and in order", async (_, ordered) => {
      const walked: string[] = [];
      let query = ordered(items()).limit(7);
      for (let page = await query.get(); page.size > 0; page = await query.get()) {
        walked.push(...ids(page));
        query = ordered(items()).startAfter(page.docs.at(-1)).limit(7);
      }
      expect(walked).toEqual(await idsOf(ordered(items())));
      expect(new Set(walked).size).toBe(40);
    });

    it("begin at the name of a document", async () => {
      const ordered = items().orderBy(FieldPath.documentId());
      expect(await idsOf(ordered.startAfter("i37"))).toEqual(["i38", "i39"]);
      expect(await idsOf(ordered.startAt("i38").limit(1))).toEqual(["i38"]);
    });
  });

  it("finds by name", async () => {
    const name = FieldPath.documentId();
    expect((await items().where(name, ">=", "i30").get()).size).toBe(10);
    expect(await idsOf(items().where(name, "in", ["i07", "i01", "none"]))).toEqual(["i01", "i07"]);
    expect(await idsOf(items().where(name, "==", "i07").where("group", "==", 3))).toEqual(["i07"]);
  });

  it("gives only the fields selected", async () => {
    const [first] = (await items().orderBy("i").select("i", "map.part").limit(1).get()).docs;
    const [bare] = (await items().select().limit(1).get()).docs;
    expect(first?.data()).toEqual({ i: 0, map: { part: 0 } });
    expect(bare?.data()).toEqual({});
  });

  it("looks into one collection only, and not into those inside its documents", async () => {
    const outer = client.collection();
    await outer.doc("a").set({ n: 1 });
    await outer.doc("a").collection(outer.id).doc("inner").set({ n: 1 });
    expect(await idsOf(outer)).toEqual(["a"]);
  });

  describe("collection groups", () => {
    const place = (each: { ref: { path: string } }) => each.ref.path;

    beforeAll(async () => {
      for (const path of ["x/1/parts/a", "x/2/parts/b", "y/1/deep/1/parts/c", "parts/d", "x/1/other/e"]) {
        await client.db.doc(path).set({ path, from: path.slice(0, 1) });
      }
    });

    it("find the collections of one id wherever they are", async () => {
      const { docs } = await client.db.collectionGroup("parts").get();
      expect(docs.map(place)).toEqual(["parts/d", "x/1/parts/a", "x/2/parts/b", "y/1/deep/1/parts/c"]);
    });

    it("filter and order as any query", async () => {
      const group = client.db.collectionGroup("parts");
      const fromX = (await group.where("from", "==", "x").orderBy("path", "desc").get()).docs;
      expect(fromX.map(place)).toEqual(["x/2/parts/b", "x/1/parts/a"]);
      expect((await group.where("from", "!=", "x").count().get()).data().count).toBe(2);
      const after = (await group.orderBy("path").startAfter("x/1/parts/a").limit(1).get()).docs.map(place);
      expect(after).toEqual(["x/2/parts/b"]);
    });
  });
}
