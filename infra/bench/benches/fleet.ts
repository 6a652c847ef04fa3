// Rounds of 1,000 in a fleet of 100,000 registered clients: how long they take to open, and what the
// coordinator and the aggregator take of their memory. With an empty roster, from one that knows few of them,
// from one that knows them all, and with buffered rounds.
import { fileURLToPath } from "node:url";
import * as z from "zod";
import { connectStore } from "../../../shared/cloud/store/firestoreStore.ts";
import { FlError } from "../../../shared/core/errors.ts";
import { refs, type Store } from "../../../shared/core/ports/store.ts";
import { randomFrom } from "../../../shared/core/random.ts";
import type { Client } from "../../../shared/core/schemas/client.ts";
import { HISTORY_LENGTH } from "../../../shared/core/schemas/roster.ts";
import { clientAccount, dataObjects } from "../../box/box.ts";
import { buckets, functionShapes } from "../../box/deployment.ts";
import type { LogLine } from "../../box/runtime/events.ts";
import type { Bench, Figure } from "../bench.ts";
import {
  type LocalCloud,
  readyRun,
  registerClients,
  settledRound,
  withLocalCloud,
} from "../cloud/localCloud.ts";

const CLIENTS = 100_000;
const COHORT = 1_000;
/** Updates that a buffered round folds, of clients that stay as many at work. */
const BUFFER = 100;
const AT_ONCE = 10_000;
const MIB = 2 ** 20;
const CLIENT = "client";
const PATIENCE_MS = 600_000;
const OPEN_SECONDS = 60;
const DEADLINE_SECONDS = 600;

const Sample = z.strictObject({ rssBytes: z.number(), peakRssBytes: z.number() });

export const fleet: Bench = {
  name: "fleet",
  about: `memory of the coordinator and the aggregator, and seconds to open, with ${CLIENTS} registered clients`,
  async run({ signal, show }) {
    const peaks = new Map<string, number>();
    const onLog = ({ function: name, line }: LogLine) => {
      if (!line.startsWith("memory ")) return;
      const { peakRssBytes } = Sample.parse(JSON.parse(line.slice(7)));
      peaks.set(name, Math.max(peaks.get(name) ?? 0, peakRssBytes));
    };
    const options = {
      clientFunctions: [{ name: CLIENT, clientId: "all" as const, shape: { maxInstances: 3 } }],
      functionEnv: { CLIENT_DATA: `gs://${buckets.data}/${dataObjects.client("c000")}` },
      functionExecArgv: ["--import", fileURLToPath(new URL("../cloud/memorySampler.mjs", import.meta.url))],
      onLog,
    };
    return withLocalCloud(options, signal, async (cloud) => {
      const at = { url: cloud.box.runtime.url(CLIENT), serviceAccount: clientAccount(CLIENT) };
      await registerClients(cloud, at, 1, [4]);
      await registerFleet(cloud, at, show);
      const { runId } = await readyRun(cloud, {
        name: "fleet",
        model: { builtin: "tiny-mlp" },
        selection: { strategy: "fedlesscan", cohortSize: COHORT },
        round: { deadlineSeconds: DEADLINE_SECONDS },
        stop: { rounds: 3 },
      });
      show("a round of newcomers");
      const ofNewcomers = await secondsToOpen(cloud, runId, 1);
      show("a round from the roster");
      const fromRoster = await secondsToOpen(cloud, runId, 2);
      await withStore(cloud, (store) => makeAllKnown(store, runId));
      show("a round from a roster that knows all of them");
      const ofKnown = await secondsToOpen(cloud, runId, 3);
      const buffered = await readyRun(cloud, {
        name: "fleet buffered",
        model: { builtin: "tiny-mlp" },
        selection: { strategy: "fedlesscan", cohortSize: COHORT },
        round: { deadlineSeconds: DEADLINE_SECONDS, buffer: { size: BUFFER } },
        aggregation: { strategy: "fedbuff" },
        stop: { rounds: 2 },
      });
      show("buffered rounds");
      const ofBuffered = await secondsToOpen(cloud, buffered.runId, 1);
      const ofNextBuffered = await secondsToOpen(cloud, buffered.runId, 2);
      return [
        openFigure("all of them new", ofNewcomers),
        openFigure("from the roster", fromRoster),
        openFigure("from a roster that knows all of them", ofKnown),
        openFigure("buffered, all of them new", ofBuffered),
        openFigure("buffered, from the roster", ofNextBuffered),
        memoryFigure("coordinator", peaks),
        memoryFigure("aggregator", peaks),
      ];
    });
  },
};

/** Triggers a round, waits until nothing of it is left to do, and says how long it took to open. */
async function secondsToOpen(cloud: LocalCloud, runId: string, number: number): Promise<number> {
  const askedAt = await cloud.trigger(runId);
  const round = await settledRound(cloud, runId, number, PATIENCE_MS);
  if (round.consideredCount < CLIENTS)
    throw new FlError("internal", `${round.consideredCount} of ${CLIENTS} clients were considered.`);
  // Its time begins when it is written down; `openedAt` is when its cohort was chosen from.
  return (round.deadlineAt - DEADLINE_SECONDS * 1_000 - askedAt) / 1_000;
}

function openFigure(of: string, value: number): Figure {
  return { name: `until opened, ${of}`, value, unit: "s", aim: { most: OPEN_SECONDS } };
}

function memoryFigure(name: "coordinator" | "aggregator", peaks: ReadonlyMap<string, number>): Figure {
  return {
    name: `${name}: peak`,
    value: (peaks.get(name) ?? Number.NaN) / MIB,
    unit: "MiB",
    aim: { most: functionShapes[name].memoryMib },
    note: "resident, as the kernel counts it; the aim is the function's own memory",
  };
}

/** Straight into the database: by the api it would take as many calls. */
function registerFleet(
  cloud: LocalCloud,
  at: { readonly url: string; readonly serviceAccount: string },
  show: (progress: string) => void,
): Promise<void> {
  return withStore(cloud, async (store) => {
    for (let start = 0; start < CLIENTS; start += AT_ONCE) {
      const clients = Array.from({ length: AT_ONCE }, (_, i) => fleetClient(start + i, at));
      const documents = clients.map((value) => ({ ref: refs.client(value.clientId), value }));
      await store.setAll("register-client", documents);
      show(`${start + AT_ONCE} of ${CLIENTS} clients`);
    }
  });
}

/** As after some hundred rounds: full histories of log-normal durations, and a miss for one in ten. */
async function makeAllKnown(store: Store, runId: string): Promise<void> {
  const random = randomFrom("fleet", "histories");
  const durations = (length: number) =>
    Array.from({ length }, () => Math.round(1_000 * Math.exp(random.normal())));
  for await (const shard of store.rosterShards(runId)) {
    const known = Object.entries(shard.clients).map(([clientId, record]) => {
      const missedRounds = random.next() < 0.1 ? [1] : [];
      const histories = { trainMsHistory: durations(HISTORY_LENGTH), coldStartMsHistory: durations(3) };
      return [clientId, { ...record, ...histories, missedRounds, invocations: HISTORY_LENGTH }] as const;
    });
    const value = { ...shard, clients: Object.fromEntries(known) };
    await store.setAll("fold-roster", [{ ref: refs.rosterShard(runId, shard.shard), value }]);
  }
}

async function withStore<T>({ box }: LocalCloud, work: (store: Store) => Promise<T>): Promise<T> {
  Object.assign(process.env, box.env); // Where the client library looks for its database.
  const store = connectStore({ projectId: box.projectId, databaseId: "(default)" });
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

function fleetClient(index: number, at: { readonly url: string; readonly serviceAccount: string }): Client {
  const nowMs = Date.now();
  return {
    ...at,
    clientId: `fleet-${String(index).padStart(6, "0")}`,
    capacity: { memoryMib: 2_048, vcpu: 1, timeoutSeconds: 540 },
    dataCard: { description: "what its owner says about the data ".repeat(6), samples: 100 },
    labels: { region: "europe-west1", kind: "clinic" },
    retired: false,
    registeredAt: nowMs,
    updatedAt: nowMs,
  };
}
