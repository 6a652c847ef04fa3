// Documents of another release: those recorded from 0.1, and those of a release to come, which knows more
// than this one.

import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { refs, SCHEMA_VERSION } from "../../shared/core/ports/store.ts";
import type { Run } from "../../shared/core/schemas/run.ts";
import type { TestCloud } from "../support/cloud.ts";
import { gathered } from "../support/gathered.ts";
import { CLIENTS, RUNS, startMidwayFederation, startPlainCloud } from "../support/midwayFederation.ts";
import { type Recording, record, restore } from "../support/recording.ts";
import { contribute, eventually } from "../support/scriptedClient.ts";

const HOUR_MS = 3_600_000;

/** Recorded by the code of 0.1.0, from the federation of test/support/midwayFederation.ts. */
function recordedBefore(): Recording {
  return JSON.parse(readFileSync(new URL("../vectors/documents-0.1.json", import.meta.url), "utf8"));
}

async function recordedNow(): Promise<Recording> {
  const cloud = await startMidwayFederation();
  try {
    return await record(cloud, "now");
  } finally {
    await cloud.stop();
  }
}

/** As a release to come would have written it: it knows more of everything. */
function withMore(value: unknown, path = ""): unknown {
  if (Array.isArray(value)) return value.map((item) => withMore(item, path));
  if (typeof value !== "object" || value === null || "@timestamp" in value) return value;
  const entries = Object.entries(value).map(([key, item]) => [key, withMore(item, `${path}.${key}`)]);
  const isKeyedByOthers = /\.(labels|metrics)$/.test(path) || path === ".clients";
  return Object.fromEntries(isKeyedByOthers ? entries : [...entries, ["addedLater", { by: ["a", 1] }]]);
}

/** Where a document has what a release to come has added, within maps. */
function additions(value: unknown, path = ""): string[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [];
  return Object.entries(value).flatMap(([key, item]) =>
    key === "addedLater" ? [`${path}.${key}`] : additions(item, `${path}.${key}`),
  );
}

describe.each([
  ["0.1", async () => recordedBefore(), (fields: object) => fields],
  ["a release to come", recordedNow, (fields: object) => withMore(fields) as object],
])("what %s has stored", (release, recorded, change) => {
  let cloud: TestCloud;
  let recording: Recording;

  beforeAll(async () => {
    recording = await recorded();
    cloud = await startPlainCloud();
    await restore(cloud, recording, HOUR_MS, (fields) => ({ ...change(fields) }));
  });
  afterAll(() => cloud.stop());

  const runOf = async (prefix: string): Promise<Run> => {
    const { items } = await cloud.store.listRuns({ limit: 100 });
    const run = items.find(({ runId }) => runId.startsWith(prefix));
    if (run === undefined) throw new Error(`no run ${prefix}`);
    return run;
  };

  test("is of the schema version that it says", () => {
    const versions = new Set(Object.values(recording.documents).map((fields) => fields["schemaVersion"]));
    expect([...versions]).toEqual([release === "0.1" ? undefined : SCHEMA_VERSION]);
  });

  test("is read, every document of it", async () => {
    const read = async (path: string) => {
      const { status, body } = await cloud.call("GET", `${path}?limit=1000`);
      expect(status, JSON.stringify(body)).toBe(200);
      expect(body.unreadable).toEqual([]);
      return body.items;
    };
    expect((await read("/v1/clients")).map(({ clientId }: { clientId: string }) => clientId)).toEqual(
      CLIENTS,
    );
    let documents = 0;
    for (const { runId } of await read("/v1/runs")) {
      for (const { round } of await read(`/v1/runs/${runId}/rounds`)) {
        documents += 1 + (await read(`/v1/runs/${runId}/rounds/${round}/invocations`)).length;
      }
      documents += 1 + (await gathered(cloud.store.rosterShards(runId))).length;
      documents += (await cloud.store.listActions({ runId }, { limit: 100 })).items.length;
    }
    const paths = Object.keys(recording.documents);
    for (const path of paths.filter((one) => one.startsWith("idempotency/"))) {
      expect(await cloud.store.get(refs.idempotency(path.slice("idempotency/".length))), path).not.toBeNull();
    }
    const stored = paths.filter((path) => path.startsWith("runs/"));
    expect(documents).toBe(stored.length);
    expect(cloud.logs.filter(({ severity }) => severity === "error")).toEqual([]);
  });

  test("is brought to its end", async () => {
    for (const prefix of [RUNS.midway, RUNS.folding]) {
      const { runId } = await runOf(prefix);
      await eventually(
        `the end of ${prefix}`,
        async () => {
          await cloud.callAs("task-invoker", cloud.urls.coordinator, "/watchdog", {});
          const run = await cloud.store.get(refs.run(runId));
          if (run?.status === "completed") return run;
          if (run?.openRound === null || run?.openRound === undefined) return null;
          const { openRound: round } = run;
          const waiting = await cloud.store.invocationsByStatus(runId, round, ["invoked", "training"]);
          await Promise.allSettled(
            waiting.map(({ clientId }) =>
              contribute(cloud, { runId, round, clientId }, { value: 1, samples: 10 }),
            ),
          );
          return null;
        },
        25_000,
      );
    }
    const midway = await runOf(RUNS.midway);
    expect(midway).toMatchObject({ status: "completed", round: 3, modelVersion: 3 });
    const { items: rounds } = await cloud.store.listRounds(midway.runId, { limit: 10 });
    // What the strategy kept when the second round was opened is what the third began with.
    expect(rounds.map(({ selectionState }) => selectionState)).toEqual([
      null,
      '{"clusteringSince":2}',
      '{"clusteringSince":2}',
    ]);
    expect(rounds[1]?.groups.length).toBeGreaterThan(0);
    expect(cloud.logs.filter(({ message }) => message.includes("without its state"))).toEqual([]);
    const late = rounds[1]?.consumed.find(({ round }) => round === 1);
    expect(late, "the late update of the first round").toMatchObject({ clientId: "clinic-c", staleness: 1 });
    const folding = await runOf(RUNS.folding);
    expect(folding).toMatchObject({ status: "completed", round: 2, modelVersion: 2 });
    const [folded] = (await cloud.store.listRounds(folding.runId, { limit: 10 })).items;
    expect(folded?.consumed.map(({ clientId }) => clientId)).toEqual(CLIENTS);
  }, 60_000);

  test("keeps what this release does not know through all that it writes", async () => {
    const { documents: after } = await record(cloud, "afterwards");
    for (const [path, before] of Object.entries(recording.documents)) {
      const stored = after[path];
      if (stored === undefined) continue; // Its time was over.
      const written = change(before);
      const lost = additions(written).filter((place) => !additions(stored).includes(place));
      expect(lost, path).toEqual([]);
    }
    const made = Object.keys(after).filter((path) => !(path in recording.documents));
    expect(made.length).toBeGreaterThan(5);
    for (const path of made) expect(additions(after[path]), path).toEqual([]);
  });

  test("of a client is the same client to who registers it again, and is kept when it is retired", async () => {
    const { items } = await cloud.store.listClients({ limit: 1 });
    const [client] = items;
    if (client === undefined) throw new Error("no client");
    const { retired: _retired, registeredAt: _at, updatedAt: _updated, ...registration } = client;
    expect((await cloud.call("POST", "/v1/clients", registration)).status).toBe(201);
    const before = additions((await record(cloud, "before")).documents[`clients/${client.clientId}`]);
    expect((await cloud.call("DELETE", `/v1/clients/${client.clientId}`)).status).toBe(200);
    const after = (await record(cloud, "after")).documents[`clients/${client.clientId}`];
    expect(after?.["retired"]).toBe(true);
    expect(additions(after)).toEqual(before);
    expect(before.length).toBe(release === "0.1" ? 0 : 3);
  });
});
