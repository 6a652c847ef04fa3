// Who gets which rows, and what clients are called: by what was asked for, with every problem of it.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Coder } from "../../../../infra/data/coder.ts";
import { clientNames, namesOfGroups } from "../../../../infra/data/split/names.ts";
import { optionProblems, planSplit, type SplitOptions } from "../../../../infra/data/split/plan.ts";
import { SPLITS } from "../../../../infra/data/split/splits.ts";
import { ClientId } from "../../../../shared/core/schemas/ids.ts";

const asked: SplitOptions = {
  by: "iid",
  clients: 3,
  alpha: 0.5,
  minSamples: 1,
  classesPerClient: 2,
  shardsPerClient: 2,
  sizes: "linear",
  seed: 7,
  isBalanced: false,
};

function codedOf(values: readonly (string | null)[]) {
  const coder = new Coder(100, () => "too many");
  for (const value of values) coder.add(value);
  return coder.coded();
}

const values = Array.from({ length: 60 }, (_, i) => (i % 6 === 5 ? null : String(i % 6)));
const units = { count: 60, labels: codedOf(values), groups: codedOf(values) };

describe.each(SPLITS)("by %s", (by) => {
  test("each row is at one client, and counted there by its label", () => {
    const plan = planSplit(units, { ...asked, by });
    expect(plan.labels).toEqual(["0", "1", "2", "3", "4", null]);
    expect(plan.clients).toHaveLength(3);
    for (const [i, { rows, labelRows }] of plan.clients.entries()) {
      const places = [...plan.clientOf.keys()].filter((place) => plan.clientOf[place] === i);
      expect(places).toHaveLength(rows);
      expect(labelRows).toEqual(
        plan.labels.map((label) => places.filter((place) => values[place] === label).length),
      );
    }
    expect(planSplit(units, { ...asked, by })).toEqual(plan);
  });

  test("more clients than rows are refused", () => {
    expect(() => planSplit(units, { ...asked, by, clients: 61 })).toThrow(/clients|shards/);
  });

  test("a minimum that cannot be is refused", () => {
    expect(() => planSplit(units, { ...asked, by, minSamples: 21 })).toThrow(/fewer than|at least/);
  });
});

describe("by a column, without a number of clients", () => {
  test("clients are the groups, and have their names", () => {
    const groups = codedOf(["St. Anna", "Berg", null, "Berg", "berg!", "St. Anna"]);
    const { clients, clientOf, labels } = planSplit(
      { count: 6, labels: null, groups },
      { ...asked, by: "column", clients: undefined },
    );
    expect(clients.map(({ clientId, rows }) => [clientId, rows])).toEqual([
      ["berg", 2],
      ["st-anna", 2],
      ["berg-2", 1],
      ["none", 1],
    ]);
    expect([...clientOf]).toEqual([1, 0, 3, 0, 2, 1]);
    expect(labels).toEqual([]);
  });
});

test("options that do not go together are all named", () => {
  const paths = (more: Partial<SplitOptions>) =>
    optionProblems({ ...asked, ...more }).map(({ path }) => path);
  expect(paths({})).toEqual([]);
  for (const by of SPLITS) {
    expect(paths({ by, clients: undefined })).toEqual(by === "column" ? [] : ["--clients"]);
  }
  expect(paths({ by: "size", clients: undefined, sizes: [3, 1] })).toEqual([]);
  expect(paths({ by: "size", clients: 2, sizes: [3, 1] })).toEqual([]);
  expect(paths({ by: "size", clients: 3, sizes: [3, 1] })).toEqual(["--clients"]);
});

describe("names", () => {
  test("of clients by number sort as they count", () => {
    for (const clients of [1, 9, 10, 99, 100, 1_001]) {
      const names = clientNames(clients);
      expect(names).toHaveLength(clients);
      expect(names.toSorted()).toEqual(names);
    }
    expect(clientNames(2)).toEqual(["client-01", "client-02"]);
  });

  test("of groups are clients' names, each once, whatever the groups are called", () => {
    const name = fc.oneof(fc.string(), fc.string({ unit: "grapheme", maxLength: 90 }), fc.constant(null));
    fc.assert(
      fc.property(fc.array(name), (groups) => {
        const names = namesOfGroups(groups);
        expect(new Set(names).size).toBe(groups.length);
        for (const one of names) expect(ClientId.safeParse(one).success, one).toBe(true);
      }),
    );
  });

  test.each([
    ["Nord-Süd", "nord-sud"],
    ["US AIRWAYS*", "us-airways"],
    ["  ", "group"],
    ["日本", "group"],
    ["-7", "7"],
    [`${"a".repeat(62)}-b`, "a".repeat(62)],
  ])("%j becomes %s", (group, name) => {
    expect(namesOfGroups([group])).toEqual([name]);
  });
});

describe("coded values", () => {
  test("are numbered in the order of the values, not of the rows", () => {
    const numbers = codedOf(["b", "10", null, "2", "-3", "a b", "10"]);
    expect(numbers.values).toEqual(["-3", "2", "10", "a b", "b"]);
    expect(Array.from(numbers.codes)).toEqual([4, 2, Number.NaN, 1, 0, 3, 2]);
  });

  test("say the same whatever the order of the rows is, and however many there are", () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.string(), { nil: null }), { maxLength: 3_000 }), (rows) => {
        const coded = new Coder(3_000, () => "");
        for (const row of rows) coded.add(row);
        const { values: found, codes } = coded.coded();
        expect(codes).toHaveLength(rows.length);
        for (const [i, row] of rows.entries()) expect(found[codes[i] ?? -1] ?? null).toBe(row);
        const again = new Coder(3_000, () => "");
        for (const row of rows.toReversed()) again.add(row);
        expect(again.coded().values).toEqual(found);
      }),
    );
  });

  test("beyond the bound are refused with the bound", () => {
    const coder = new Coder(2, (most) => `more than ${most}`);
    for (const value of ["a", "b", "a", null, "b"]) coder.add(value);
    expect(() => coder.add("c")).toThrow("more than 2.");
  });
});
