// Queries that the database refuses and the client library lets through.
import { FieldPath, Filter, type Query } from "@google-cloud/firestore";
import { status } from "@grpc/grpc-js";
import { expect, it } from "vitest";
import { useFirestore } from "../../support/firestoreClient.ts";

const list = (length: number) => Array.from({ length }, (_, i) => i);
const each = (count: number, filter: (i: number) => Filter) => list(count).map(filter);

const refused: readonly (readonly [string, (query: Query) => Query])[] = [
  ["one field twice in the order", (q) => q.orderBy("a").orderBy("a", "desc")],
  ["an order after the name", (q) => q.orderBy(FieldPath.documentId()).orderBy("a")],
  ["two array filters", (q) => q.where("a", "array-contains", 1).where("b", "array-contains", 2)],
  [
    "two lists of array elements",
    (q) => q.where("a", "array-contains-any", [1]).where("b", "array-contains-any", [2]),
  ],
  ["two negations", (q) => q.where("a", "!=", 1).where("b", "!=", 2)],
  ["not-in with !=", (q) => q.where("a", "not-in", [1]).where("a", "!=", 2)],
  ["not-in with in", (q) => q.where("a", "not-in", [1]).where("b", "in", [1, 2])],
  [
    "not-in inside OR",
    (q) => q.where(Filter.or(Filter.where("a", "not-in", [1]), Filter.where("b", "==", 1))),
  ],
  ["in of 31 values", (q) => q.where("a", "in", list(31))],
  ["not-in of 11 values", (q) => q.where("a", "not-in", list(11))],
  ["31 alternatives", (q) => q.where(Filter.or(...each(31, (i) => Filter.where("a", "==", i))))],
  ["36 alternatives of two lists", (q) => q.where("a", "in", list(6)).where("b", "in", list(6))],
  [
    "inequalities on 11 fields",
    (q) => q.where(Filter.and(...each(11, (i) => Filter.where(`f${i}`, ">", i)))),
  ],
  ["101 filters", (q) => q.where(Filter.and(...each(101, (i) => Filter.where(`f${i}`, "==", i))))],
  ["a long string to compare with", (q) => q.where("a", "==", "x".repeat(1_500))],
  ["a reserved field name", (q) => q.where("__a__", "==", 1)],
];

const allowed: readonly (readonly [string, (query: Query) => Query])[] = [
  ["in of 30 values", (q) => q.where("a", "in", list(30))],
  ["not-in of 10 values", (q) => q.where("a", "not-in", list(10))],
  ["30 alternatives of two lists", (q) => q.where("a", "in", list(6)).where("b", "in", list(5))],
  [
    "an array filter in each of two alternatives",
    (q) => q.where(Filter.or(Filter.where("a", "array-contains", 1), Filter.where("b", "array-contains", 2))),
  ],
  [
    "inequalities on 10 fields",
    (q) => q.where(Filter.and(...each(10, (i) => Filter.where(`f${i}`, ">", i)))),
  ],
  ["a string just short enough", (q) => q.where("a", "==", "x".repeat(1_499))],
  ["an order that begins with another field than the inequality", (q) => q.where("a", ">", 1).orderBy("b")],
];

export function queryRuleContract(address: () => string): void {
  // Without this setting the client library takes 7 s to report an error of a query.
  const client = useFirestore(address, { gaxServerStreamingRetries: true });

  it.each(refused)("refuses %s", async (_, build) => {
    await expect(build(client.collection()).get()).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
  });

  it.each(allowed)("allows %s", async (_, build) => {
    expect((await build(client.collection()).get()).size).toBe(0);
  });
}
