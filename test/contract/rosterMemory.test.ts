// What a scheduler takes of the coordinator's memory with very many registered clients, whose documents
// together are larger than it.
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { databaseIndexes } from "../../infra/box/databaseIndexes.ts";
import { functionShapes } from "../../infra/box/deployment.ts";
import type { StoredDocument } from "../../infra/box/firestore/documents.ts";
import { startEmbedded } from "../../infra/box/firestore/embedded.ts";
import type { Value } from "../../infra/box/firestore/messages.ts";
import { noState, type State } from "../../infra/box/state/state.ts";

const PROJECT = "fleet";
const CHANGED = 40_000;
const KNOWN_SHARDS = 40;
const SHARD_SIZE = 500;
/** What a process has before it reads anything, and room for a busy machine's late collections. */
const MOST_MIB = 400;

const root = `projects/${PROJECT}/databases/(default)/documents`;
const text = (stringValue: string): Value => ({ valueType: "stringValue", stringValue });
const whole = (value: number): Value => ({ valueType: "integerValue", integerValue: String(value) });
const map = (fields: Readonly<Record<string, Value>>): Value => ({
  valueType: "mapValue",
  mapValue: { fields },
});
const none: Value = { valueType: "nullValue", nullValue: "NULL_VALUE" };
const list = (...values: Value[]): Value => ({ valueType: "arrayValue", arrayValue: { values } });
const now: Value = { valueType: "timestampValue", timestampValue: { seconds: "1790000000", nanos: 0 } };
const stored = (path: string, fields: StoredDocument["fields"]): [string, StoredDocument] => [
  `${root}/${path}`,
  { name: `${root}/${path}`, fields, createTime: 1, updateTime: 1 },
];

/** A database that is full from the start: written by commits, it would take a minute. */
function fleet(): State {
  const long = "x".repeat(1_900);
  const clients = Array.from({ length: CHANGED }, (_, i) =>
    stored(`clients/new-${i}`, {
      clientId: text(`new-${i}`),
      url: text(`https://silo.example.org/${long}`),
      dataCard: map({ description: text(long) }),
      retired: { valueType: "booleanValue", booleanValue: false },
      registeredAt: now,
      updatedAt: now,
    }),
  );
  const record = map({
    invocations: whole(3),
    trainMsHistory: list(...[1, 2, 3].map(whole)),
    coldStartMsHistory: list(),
    missedRounds: list(),
    cooldownRounds: whole(0),
    lastSelectedRound: whole(3),
    busyUntilAt: none,
  });
  const shards = Array.from({ length: KNOWN_SHARDS }, (_, shard) =>
    stored(`runs/run-1/roster/${String(shard).padStart(4, "0")}`, {
      runId: text("run-1"),
      shard: whole(shard),
      foldedRound: whole(3),
      clients: map(
        Object.fromEntries(Array.from({ length: SHARD_SIZE }, (_, i) => [`known-${shard}-${i}`, record])),
      ),
    }),
  );
  const documents = [...clients, ...shards];
  const table = { entries: () => documents as never, put: () => {}, delete: () => {} };
  return { ...noState, table: (name) => (name === "documents" ? table : noState.table(name)) };
}

test("60,000 clients are chosen from within the memory of the coordinator", {
  timeout: 120_000,
}, async () => {
  const server = await startEmbedded({ state: fleet(), indexes: databaseIndexes });
  try {
    const reader = fork(fileURLToPath(new URL("../support/rosterReader.ts", import.meta.url)), ["run-1"], {
      env: {
        ...process.env,
        ...server.env,
        GOOGLE_CLOUD_PROJECT: PROJECT,
        METADATA_SERVER_DETECTION: "none",
      },
      execArgv: [`--max-old-space-size=${functionShapes.coordinator.memoryMib * 0.75}`],
    });
    const ended = once(reader, "exit").then(([code]) => Promise.reject(new Error(`It ended with ${code}.`)));
    const [measured] = await Promise.race([once(reader, "message"), ended]);
    await ended.catch(() => undefined);
    expect(measured).toMatchObject({ clients: CHANGED + KNOWN_SHARDS * SHARD_SIZE, cohort: 1_000 });
    expect(measured.peakRssMib).toBeLessThan(MOST_MIB);
  } finally {
    await server.stop();
  }
});
