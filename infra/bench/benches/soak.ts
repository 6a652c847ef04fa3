// A long run: whether memory stays flat in every process, and what is left behind.
import { fileURLToPath } from "node:url";
import * as z from "zod";
import { connectObjects } from "../../../shared/cloud/objects/connectObjects.ts";
import { updatesOf } from "../../../shared/core/round/objects.ts";
import { clientAccount } from "../../box/box.ts";
import { buckets } from "../../box/deployment.ts";
import type { LogLine } from "../../box/runtime/events.ts";
import type { Bench, Figure } from "../bench.ts";
import { countDocuments, expiringCollections } from "../cloud/documents.ts";
import { type LocalCloud, readyRun, registerClients, withLocalCloud } from "../cloud/localCloud.ts";

const CLIENTS = 50;
const ROUNDS = 200;
/** From here on nothing is new to any process. */
const WARM_ROUND = 50;
const CLIENT = "client";
const MIB = 2 ** 20;
const PATIENCE_MS = 3_600_000;

/** What is kept for good: a run and its rounds are what was asked for. */
const KEPT = ["runs", "rounds"];

type Counts = ReadonlyMap<string, number>;

const Sample = z.object({ rssBytes: z.number() });

export const soak: Bench = {
  name: "soak",
  about: `memory of every process over ${ROUNDS} rounds of ${CLIENTS} clients, and what they leave behind`,
  async run({ signal, show }) {
    const rss = new Map<string, number>();
    const options = {
      clientFunctions: [{ name: CLIENT, clientId: "all", shape: { maxInstances: 3 } }],
      functionExecArgv: ["--import", fileURLToPath(new URL("../cloud/memorySampler.mjs", import.meta.url))],
      onLog: ({ function: name, instance, line }: LogLine) => {
        if (!line.startsWith("memory ")) return;
        rss.set(`${name} ${instance}`, Sample.parse(JSON.parse(line.slice(7))).rssBytes);
      },
    };
    return withLocalCloud(options, signal, async (cloud) => {
      const { box, api, until } = cloud;
      const at = { url: box.runtime.url(CLIENT), serviceAccount: clientAccount(CLIENT) };
      await registerClients(cloud, at, CLIENTS, [4]);
      const { runId } = await readyRun(cloud, {
        name: "soak",
        model: { builtin: "tiny-mlp" },
        selection: { strategy: "random", cohortSize: CLIENTS },
        round: { deadlineSeconds: 120 },
        stop: { rounds: ROUNDS },
      });
      const startedMs = Date.now();
      await api.act(runId, "start");
      let warm: { readonly rss: ReadonlyMap<string, number>; readonly documents: Counts } | undefined;
      let shownRound = 0;
      const run = await until(
        "The run being completed",
        async () => {
          const now = await api.run(runId);
          if (now.round >= WARM_ROUND) {
            warm ??= { rss: new Map(rss), documents: await countedDocuments(cloud) };
          }
          if (now.round >= shownRound + 10) {
            shownRound = now.round;
            show(`round ${now.round} of ${ROUNDS}`);
          }
          return now.status === "completed" && now.swept ? now : null;
        },
        PATIENCE_MS,
      );
      const minutes = (Date.now() - startedMs) / 60_000;
      const [first] = await api.invocations(runId, 1);
      return [
        { name: "rounds a minute", value: ROUNDS / minutes, unit: "1/min" },
        { name: "effective update ratio", value: run.eur ?? Number.NaN, unit: "share", aim: { least: 1 } },
        ...memoryFigures(warm?.rss ?? new Map(), rss),
        ...documentFigures(
          warm?.documents ?? new Map(),
          await countedDocuments(cloud),
          await expiringCollections(),
        ),
        {
          name: "updates left in the bucket",
          value: await objectsUnder(cloud, updatesOf(runId)),
          unit: "objects",
          aim: { most: 0 },
        },
        {
          name: "invocations kept",
          value: ((first?.deleteAt ?? Number.NaN) - (first?.invokedAt ?? Number.NaN)) / 86_400_000,
          unit: "days",
          note: "then Firestore deletes them; runs and rounds stay",
        },
      ];
    });
  },
};

/** The largest instance of each function, now and when it was warm. */
function memoryFigures(
  warm: ReadonlyMap<string, number>,
  now: ReadonlyMap<string, number>,
): readonly Figure[] {
  const names = [...new Set([...now.keys()].map((key) => key.split(" ")[0] ?? ""))].sort();
  const largest = (of: ReadonlyMap<string, number>, name: string) =>
    Math.max(...[...of].flatMap(([key, bytes]) => (key.startsWith(`${name} `) ? [bytes] : [])));
  return names.map((name) => ({
    name: `${name}: memory at the end ÷ after ${WARM_ROUND} rounds`,
    value: largest(now, name) / largest(warm, name),
    unit: "x",
    aim: { most: 1.25 },
    note: `${Math.round(largest(now, name) / MIB)} MiB resident`,
  }));
}

/** What has grown since it was warm, and whether Firestore removes it again. */
function documentFigures(
  warm: Counts,
  now: Counts,
  expiring: ReadonlyMap<string, string>,
): readonly Figure[] {
  const grown = [...now].filter(([id, count]) => count > (warm.get(id) ?? 0));
  const lasting = grown.map(([id]) => id).filter((id) => !expiring.has(id));
  return [
    ...grown.map(([id, count]): Figure => {
      const field = expiring.get(id);
      return {
        name: `${id}: documents more than after ${WARM_ROUND} rounds`,
        value: count - (warm.get(id) ?? 0),
        unit: "documents",
        note: `${count} now; ${field === undefined ? "kept" : `removed at their ${field}`}`,
      };
    }),
    {
      name: `collections that grow without a time to live, beside ${KEPT.join(" and ")}`,
      value: lasting.filter((id) => !KEPT.includes(id)).length,
      unit: "collections",
      aim: { most: 0 },
      note: `of ${[...now.keys()].sort().join(", ")}: ${grown.length} have grown`,
    },
  ];
}

function countedDocuments({ box }: LocalCloud): Promise<Counts> {
  return countDocuments(box.env["FIRESTORE_EMULATOR_HOST"] ?? "", box.projectId);
}

/** As the coordinator, which may list the bucket. */
async function objectsUnder({ box }: LocalCloud, prefix: string): Promise<number> {
  const env = box.envAs("coordinator");
  const before = Object.keys(env).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, env);
  try {
    const objects = connectObjects({
      bucket: buckets.models,
      projectId: box.projectId,
      apiEndpoint: box.env["STORAGE_API_ENDPOINT"] ?? "",
    });
    return (await objects.list(prefix)).objects.length;
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}
