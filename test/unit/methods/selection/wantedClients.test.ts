// Which registered clients a run is for: those with all labels that it asks for.
import { describe, expect, it } from "vitest";
import {
  isWanted,
  wantedClient,
  wishWords,
} from "../../../../shared/core/methods/selection/wantedClients.ts";
import { enrol, rosterEntries } from "../../../../shared/core/roster/enrol.ts";
import { RunSpec } from "../../../../shared/core/schemas/spec.ts";
import { buildClient, deepFreeze } from "../../../support/builders.ts";

const wish = (labels: Record<string, string>) => ({ clients: { labels } });

describe("isWanted", () => {
  it.each<[Record<string, string>, Record<string, string>, boolean]>([
    [{}, {}, true],
    [{ region: "eu" }, { region: "eu", scanner: "a" }, true],
    [{ region: "eu", scanner: "a" }, { region: "eu" }, false],
    [{ region: "eu" }, { region: "EU" }, false],
    [{ region: "eu" }, {}, false],
    [{ constructor: "x" }, {}, false],
    [{ toString: "" }, { toString: "" }, true],
  ])("asked for %j of a client with %j: %s", (asked, labels, wanted) => {
    expect(isWanted(wish(asked), { labels })).toBe(wanted);
  });

  it("takes all clients where nothing is asked for", () => {
    expect(isWanted({}, { labels: { region: "eu" } })).toBe(true);
  });
});

describe("a roster", () => {
  const eu = deepFreeze(buildClient({ clientId: "eu", labels: { region: "eu" } }));
  const us = deepFreeze(buildClient({ clientId: "us", labels: { region: "us" } }));
  const ids = (shards: Parameters<typeof rosterEntries>[0]) =>
    rosterEntries(shards).map(({ clientId }) => clientId);

  it("has the clients that are wanted, and follows their labels", () => {
    const asked = wish({ region: "eu" });
    const first = enrol(
      "r",
      [],
      [eu, us].map((client) => wantedClient(asked, client)),
    );
    expect(ids(first)).toEqual(["eu"]);
    const moved = enrol(
      "r",
      first,
      [
        { ...eu, labels: {} },
        { ...us, labels: { region: "eu" } },
      ].map((client) => wantedClient(asked, client)),
    );
    expect(ids(moved)).toEqual(["us"]);
    expect(
      ids(
        enrol(
          "r",
          moved,
          [{ ...eu, retired: true }].map((client) => wantedClient(asked, client)),
        ),
      ),
    ).toEqual(["us"]);
  });
});

it.each([
  ["no code is known", undefined, false],
  ["it has the code", { loader: { name: "ecg", version: "1.2.0" } }, false],
  ["it has an older one", { loader: { name: "ecg", version: "0.9.0" } }, true],
  ["it has none", {}, true],
])("a client of which %s is invited to a run that requires code, or not", (_, code, retired) => {
  const requires = { loader: { name: "ecg", version: "^1.0.0" } };
  const client = { ...buildClient({ clientId: "a" }), ...(code === undefined ? {} : { code }) };
  expect(wantedClient({}, client, requires)).toMatchObject({ clientId: "a", retired });
  expect(wantedClient({}, client)).toMatchObject({ retired: false });
});

describe("a spec", () => {
  const spec = {
    name: "n",
    model: { builtin: "tiny-mlp" },
    selection: { strategy: "random", cohortSize: 1 },
  };
  const asking = (clients: unknown) =>
    RunSpec.safeParse({ ...spec, selection: { ...spec.selection, clients } });

  it("asks for labels, of any strategy", () => {
    for (const strategy of ["random", "fedlesscan"]) {
      const selection = { strategy, cohortSize: 1, clients: { labels: { region: "eu" } } };
      expect(RunSpec.parse({ ...spec, selection }).selection.clients).toEqual({ labels: { region: "eu" } });
    }
    expect(RunSpec.parse(spec).selection.clients).toBeUndefined();
  });

  it.each([{}, { labels: { "": "x" } }, { labels: { a: 1 } }, { ids: [] }, { labels: [] }])(
    "refuses %j",
    (clients) => {
      expect(asking(clients).success).toBe(false);
    },
  );

  it("says what it asks for", () => {
    expect(wishWords({})).toBe("");
    const requires = { loader: { name: "ecg", version: "^1.0.0" }, layers: { name: "rms" } };
    expect(wishWords({}, requires)).toBe(" with the loader ecg ^1.0.0 and the layers rms");
    expect(wishWords(wish({ a: "1" }), requires)).toBe(
      " with the label a=1 and the loader ecg ^1.0.0 and the layers rms",
    );
    expect(wishWords(wish({ a: "1" }))).toBe(" with the label a=1");
    expect(wishWords(wish({ a: "1", b: "2" }))).toBe(" with the labels a=1, b=2");
  });
});
