// The same random documents and queries given to both Firestores must give the same results, and the same
// refusals.
import { Filter, type Firestore, GeoPoint, type Query, Timestamp } from "@google-cloud/firestore";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connectFirestore } from "../support/firestoreClient.ts";
import { embeddedServer, officialServer } from "../support/firestoreServers.ts";

const documentCount = 60;
const queryCount = 400;
const fields = ["a", "b", "c", "tags", "map.k"] as const;
const listOperators = ["in", "not-in", "array-contains-any"] as const;
const valueOperators = ["<", "<=", ">", ">=", "==", "!=", "array-contains"] as const;

/** Few values, many of them near each other in the order of types, so that queries hit. */
const scalar = fc.constantFrom<unknown>(
  ...[null, true, false, Number.NaN, Number.NEGATIVE_INFINITY, -1, -0, 0, 1, 1.5, 2, 3, 2 ** 53],
  ...["", "a", "aa", "b", "é", "\uffff", "😀", Buffer.from([]), Buffer.from([1]), Buffer.from([1, 2])],
  ...[Timestamp.fromMillis(1_000), new Timestamp(1, 1_000), new GeoPoint(1, 2), new GeoPoint(1, -2)],
);
const map = fc.constantFrom<unknown>({}, { x: 1 }, { x: 2 }, { x: 1, y: 1 }, { x: [1] }, { y: null });
const element = fc.oneof({ arbitrary: scalar, weight: 4 }, { arbitrary: map, weight: 1 });
const array = fc.array(element, { maxLength: 3 });
const value = fc.oneof({ arbitrary: element, weight: 5 }, { arbitrary: array, weight: 1 });

const document = fc.record(
  { a: value, b: value, c: scalar, tags: array, map: fc.record({ k: value }) },
  { requiredKeys: [] },
);

const field = fc.constantFrom(...fields);
const filter = fc.oneof(
  { arbitrary: fc.tuple(field, fc.constantFrom(...valueOperators), value), weight: 2 },
  {
    arbitrary: fc.tuple(
      field,
      fc.constantFrom(...listOperators),
      fc.array(element, { minLength: 1, maxLength: 4 }),
    ),
    weight: 1,
  },
);

const query = fc.record({
  filters: fc.array(filter, { maxLength: 3 }),
  isOr: fc.boolean(),
  order: fc.array(fc.tuple(field, fc.constantFrom("asc" as const, "desc" as const)), { maxLength: 2 }),
  cursor: fc.option(fc.tuple(fc.constantFrom("startAt", "startAfter", "endAt", "endBefore"), element)),
  limit: fc.option(fc.integer({ min: 1, max: 10 })),
  offset: fc.option(fc.integer({ min: 0, max: 5 })),
  takesLast: fc.boolean(),
});

type QuerySpec = typeof query extends fc.Arbitrary<infer T> ? T : never;

function build(db: Firestore, spec: QuerySpec): Query {
  let built: Query = db.collection("fuzz");
  const filters = spec.filters.map(([name, operator, operand]) => Filter.where(name, operator, operand));
  if (filters.length > 0) built = built.where(spec.isOr ? Filter.or(...filters) : Filter.and(...filters));
  for (const [name, direction] of spec.order) built = built.orderBy(name, direction);
  if (spec.cursor !== null && spec.order.length > 0) {
    const [place, at] = spec.cursor;
    if (place === "startAt") built = built.startAt(at);
    if (place === "startAfter") built = built.startAfter(at);
    if (place === "endAt") built = built.endAt(at);
    if (place === "endBefore") built = built.endBefore(at);
  }
  if (spec.limit !== null) {
    built = spec.takesLast && spec.order.length > 0 ? built.limitToLast(spec.limit) : built.limit(spec.limit);
  }
  return spec.offset === null ? built : built.offset(spec.offset);
}

/** The ids found, or how the database, or the client library, refuses. */
async function answer(db: Firestore, spec: QuerySpec): Promise<string> {
  try {
    return (await build(db, spec).get()).docs.map(({ id }) => id).join(" ");
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return "code" in error ? `refused with ${error.code}` : `not sent: ${error.message}`;
  }
}

const { missing } = officialServer;
const title = missing === undefined ? "both Firestores" : `both Firestores (skipped: ${missing})`;

describe.skipIf(missing !== undefined)(title, () => {
  const cleanUps: (() => Promise<void>)[] = [];
  const clients: Firestore[] = [];

  beforeAll(async () => {
    for (const { start } of [officialServer, embeddedServer]) {
      const service = await start();
      // Without this setting the client library takes 7 s to report an error of a query.
      const db = connectFirestore(service.address, { gaxServerStreamingRetries: true });
      cleanUps.push(
        () => db.terminate(),
        () => service.stop(),
      );
      clients.push(db);
    }
  });

  afterAll(async () => {
    for (const cleanUp of cleanUps) await cleanUp();
  });

  it("answer random queries over random documents alike", async () => {
    const seed = Number(process.env["FUZZ_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
    const documents = fc.sample(document, { seed, numRuns: documentCount });
    const specs = fc.sample(query, { seed, numRuns: queryCount });
    for (const db of clients) {
      const batch = db.batch();
      for (const [i, each] of documents.entries()) batch.set(db.doc(`fuzz/d${i}`), each);
      await batch.commit();
    }
    const answers = await Promise.all(
      clients.map((db) => Promise.all(specs.map((spec) => answer(db, spec)))),
    );
    const [official = [], embedded = []] = answers;
    const differences = specs
      .map((spec, i) => ({ ...spec, official: official[i], embedded: embedded[i] }))
      .filter((each) => each.official !== each.embedded);
    expect(differences.slice(0, 3), `${differences.length} differences; FUZZ_SEED=${seed}`).toEqual([]);
    // A run in which next to nothing was found, or nothing refused, would prove little.
    expect(official.filter((each) => each.startsWith("d")).length).toBeGreaterThan(queryCount / 10);
    expect(official.filter((each) => each === "refused with 3").length).toBeGreaterThan(0);
  }, 120_000);
});
