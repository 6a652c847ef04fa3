// What people give: changes of a spec, labels, and clients as options and as rows.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { UsageError } from "../../../infra/fedstratus/frame/failures.ts";
import {
  labelsOf,
  registrationOf,
  registrationOfRow,
  requireColumns,
} from "../../../infra/fedstratus/input/registrations.ts";
import { withChanges } from "../../../infra/fedstratus/input/setPath.ts";

describe("--set", () => {
  const spec = { name: "x", stop: { rounds: 3 }, list: [1] };

  test("puts a value in its place: JSON where it is, else a text; what is missing is made", () => {
    expect(
      withChanges(spec, ["stop.rounds=5", "name=a=b", "round.quorum=0.5", "seed=null", "tags=[1]"]),
    ).toEqual({
      name: "a=b",
      stop: { rounds: 5 },
      list: [1],
      round: { quorum: 0.5 },
      seed: null,
      tags: [1],
    });
  });

  test("leaves the document as it was, and takes the last of two", () => {
    const before = structuredClone(spec);
    expect(withChanges(spec, ["stop.rounds=5", "stop.rounds=6"])).toMatchObject({ stop: { rounds: 6 } });
    expect(spec).toEqual(before);
  });

  test.each([
    "",
    "=1",
    "name",
    "a..b=1",
    ".a=1",
    "a.=1",
    "__proto__.x=1",
    "a.__proto__=1",
    "a b=1",
    "name.x=1",
    "list.0=1",
  ])("refuses %j", (change) => {
    expect(() => withChanges(spec, [change])).toThrow(UsageError);
  });

  test("changes nothing but the path, whatever the value", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value);
        expect(withChanges(spec, [`stop.rounds=${text}`])).toEqual({
          ...spec,
          stop: { rounds: JSON.parse(text) },
        });
      }),
    );
    expect(Object.prototype).not.toHaveProperty("x");
  });
});

test("labels are names and values, each name once", () => {
  expect(labelsOf(["a=1", "b=x=y", "c="])).toEqual({ a: "1", b: "x=y", c: "" });
  for (const labels of [["a"], ["=1"], ["a=1", "a=2"]]) expect(() => labelsOf(labels)).toThrow(UsageError);
});

test("a client by options names all that is missing", () => {
  const given = { id: "a", url: "https://a", account: "a@b", memory: 512, label: ["x=1"] };
  expect(registrationOf(given)).toEqual({
    clientId: "a",
    url: "https://a",
    serviceAccount: "a@b",
    capacity: { memoryMib: 512 },
    labels: { x: "1" },
  });
  const nothing = { id: undefined, url: undefined, account: undefined, memory: undefined, label: [] };
  expect(() => registrationOf(nothing)).toThrow("--id, --url, --account: missing.");
});

describe("a row", () => {
  test("is a registration; empty fields are left out, and what is no number is left to the api to refuse", () => {
    const row = {
      clientId: "a",
      url: "https://a",
      serviceAccount: "a@b",
      memoryMib: "512",
      vcpu: "",
      samples: "many",
      description: "scans",
      "label.region": "north",
      "label.a.b": "1",
    };
    expect(registrationOfRow(row)).toEqual({
      clientId: "a",
      url: "https://a",
      serviceAccount: "a@b",
      capacity: { memoryMib: 512 },
      dataCard: { samples: "many", description: "scans" },
      labels: { region: "north", "a.b": "1" },
    });
  });

  test("needs its columns, and knows all of them", () => {
    expect(() => requireColumns(["clientId", "url", "serviceAccount", "label.x", "vcpu"])).not.toThrow();
    expect(() => requireColumns(["clientId", "url", "url", "colour"])).toThrow(
      "serviceAccount is missing, colour is not known, url is there twice.",
    );
    expect(() => requireColumns([])).toThrow(UsageError);
  });
});
