// Rounds of a large fleet: what the coordinator and the aggregator take of their memory with 100,000
// registered clients, and how long a round takes to open, first with an empty roster and then
// from it.
import { fileURLToPath } from "node:url";
import * as z from "zod";
import { connectStore } from "../../../shared/cloud/store/firestoreStore.ts";
import { FlError } from "../../../shared/core/errors.ts";
import { refs } from "../../../shared/core/ports/store.ts";
import type { Client } from "../../../shared/core/schemas/client.ts";
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
const COHORT = 20;
const ROUNDS = 2;
const AT_ONCE = 10_000;
const MIB = 2 ** 20;
const CLIENT = "client";
const PATIENCE_MS = 300_000;
const OPEN_SECONDS = 20;
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
        stop: { rounds: ROUNDS },
      });
      const seconds: number[] = [];
      for (let number = 1; number <= ROUNDS; number++) {
        show(`round ${number} of ${ROUNDS}`);
        const askedAt = await cloud.trigger(runId);
        const round = await settledRound(cloud, runId, number, PATIENCE_MS);
        if (round.consideredCount < CLIENTS)
          throw new FlError("internal", `${round.consideredCount} of ${CLIENTS} clients were considered.`);
        // Its time begins when it is written down; `openedAt` is when its cohort was chosen from.
        seconds.push((round.deadlineAt - DEADLINE_SECONDS * 1_000 - askedAt) / 1_000);
      }
      return [
        ...openFigures(seconds),
        memoryFigure("coordinator", peaks),
        memoryFigure("aggregator", peaks, functionShapes.coordinator.memoryMib),
      ];
    });
  },
};

function openFigures([first = Number.NaN, second = Number.NaN]: readonly number[]): Figure[] {
  const aim = { most: OPEN_SECONDS };
  return [
    { name: "until opened, all of them new", value: first, unit: "s", aim },
    { name: "until opened, from the roster", value: second, unit: "s", aim },
  ];
}

function memoryFigure(
  name: "coordinator" | "aggregator",
  peaks: ReadonlyMap<string, number>,
  most = functionShapes[name].memoryMib,
): Figure {
  const note = `resident, as the kernel counts it; the function has ${functionShapes[name].memoryMib} MiB`;
  return {
    name: `${name}: peak`,
    value: (peaks.get(name) ?? Number.NaN) / MIB,
    unit: "MiB",
    aim: { most },
    note,
  };
}

/** Straight into the database: by the api it would take as many calls. */
async function registerFleet(
  { box }: LocalCloud,
  at: { readonly url: string; readonly serviceAccount: string },
  show: (progress: string) => void,
): Promise<void> {
  Object.assign(process.env, box.env); // Where the client library looks for its database.
  const store = connectStore({ projectId: box.projectId, databaseId: "(default)" });
  try {
    for (let start = 0; start < CLIENTS; start += AT_ONCE) {
      const clients = Array.from({ length: AT_ONCE }, (_, i) => fleetClient(start + i, at));
      const documents = clients.map((value) => ({ ref: refs.client(value.clientId), value }));
      await store.setAll("register-client", documents);
      show(`${start + AT_ONCE} of ${CLIENTS} clients`);
    }
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
