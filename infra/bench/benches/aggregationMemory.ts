// The memory of an aggregation: 200 updates of 40 MB through the real aggregator process, from the real
// storage client.
import { fileURLToPath } from "node:url";
import * as z from "zod";
import { FlError } from "../../../shared/core/errors.ts";
import { toLayersTopology } from "../../../shared/core/models/topology.ts";
import type { Grant } from "../../../shared/core/schemas/protocol.ts";
import { elementCount } from "../../../shared/core/updates/safetensors.ts";
import type { Weights } from "../../../shared/core/updates/weights.ts";
import type { LogLine } from "../../box/runtime/events.ts";
import type { Bench } from "../bench.ts";
import { readyRun, registerClients, settledRound, withLocalCloud } from "../cloud/localCloud.ts";
import { startScriptedClients } from "../cloud/scriptedClients.ts";

const UPDATES = 200;
const INPUTS = 1_000;
/** 10,009,010 parameters. */
const UNITS = 9_900;
const MIB = 2 ** 20;
const DEADLINE_SECONDS = 900;
const PATIENCE_MS = 2 * DEADLINE_SECONDS * 1_000;

const MODEL = toLayersTopology({
  name: "wide",
  description: "",
  inputShape: [INPUTS],
  classes: 10,
  loss: "sparseCategoricalCrossentropy",
  layers: [
    { type: "Dense", name: "hidden", units: UNITS, activation: "relu" },
    { type: "Dense", name: "output", units: 10, activation: "softmax" },
  ],
});

const Sample = z.strictObject({ rssBytes: z.number(), peakRssBytes: z.number() });
type Sample = z.infer<typeof Sample>;

export const aggregationMemory: Bench = {
  name: "aggregation-memory",
  about:
    "peak memory of the aggregator's process over 200 updates of 40 MB (writes 8 GB to the temporary folder)",
  async run({ signal, show }) {
    const samples: Sample[] = [];
    const onLog = ({ function: name, line }: LogLine) => {
      if (name === "aggregator" && line.startsWith("memory "))
        samples.push(Sample.parse(JSON.parse(line.slice(7))));
    };
    const sampler = fileURLToPath(new URL("../cloud/memorySampler.mjs", import.meta.url));
    const options = { clientFunctions: [], functionExecArgv: ["--import", sampler], onLog };
    return withLocalCloud(options, signal, async (cloud) => {
      const { box, api, token } = cloud;
      const clients = await startScriptedClients(cloud, deltaOf, (updates) => {
        if (updates % 20 === 0) show(`${updates} of ${UPDATES} updates uploaded`);
      });
      try {
        const serviceAccount = operatorOf(await token(box.apiUrl));
        await registerClients(cloud, { url: clients.url, serviceAccount }, UPDATES, [INPUTS]);
        const spec = {
          name: "memory",
          round: { deadlineSeconds: DEADLINE_SECONDS },
          stop: { rounds: 1 },
        };
        // A small round first, so that everything is loaded and connected.
        const small = await readyRun(cloud, {
          ...spec,
          model: { builtin: "tiny-mlp" },
          selection: { strategy: "random", cohortSize: 1 },
        });
        await cloud.trigger(small.runId);
        await settledRound(cloud, small.runId, 1);
        const settled = samples.length - 1;
        const { runId, model } = await readyRun(cloud, {
          ...spec,
          model: { layers: MODEL },
          selection: { strategy: "random", cohortSize: UPDATES },
        });
        await cloud.trigger(runId);
        const round = await settledRound(cloud, runId, 1, PATIENCE_MS);
        if (round.consumed.length !== UPDATES)
          throw new FlError("internal", `${round.consumed.length} of ${UPDATES} updates were folded.`);
        const [invocation] = await api.invocations(runId, 1);
        const modelBytes = model?.sizeBytes ?? Number.NaN;
        const updateBytes = invocation?.bytesUp ?? Number.NaN;
        // The engine tidies up when it likes, so what an idle process has is the least it had since.
        const idleBytes = Math.min(...samples.slice(settled).map(({ rssBytes }) => rssBytes));
        const peakBytes = Math.max(...samples.map(({ peakRssBytes }) => peakRssBytes));
        const aggregateMs = round.timings.aggregateMs ?? Number.NaN;
        return [
          { name: "one model", value: modelBytes / MIB, unit: "MiB" },
          {
            name: "idle",
            value: idleBytes / MIB,
            unit: "MiB",
            note: "the least that the process had after a small round",
          },
          { name: "peak", value: peakBytes / MIB, unit: "MiB", note: "resident, as the kernel counts it" },
          {
            name: "peak above idle ÷ one model",
            value: (peakBytes - idleBytes) / modelBytes,
            unit: "x",
            aim: { most: 4 },
          },
          {
            name: "read, checked and folded",
            value: (UPDATES * updateBytes) / 1e3 / aggregateMs,
            unit: "MB/s",
            note: "storage, hash and the rest of the aggregation included",
          },
        ];
      } finally {
        await clients.stop();
      }
    });
  },
};

function deltaOf({ parameters }: Grant): Weights {
  return parameters.map(({ name, shape }) => ({
    name,
    shape,
    values: Float32Array.from({ length: elementCount(shape) }, (_, i) => Math.sin(i) / 1_000),
  }));
}

/** The service account in an identity token. */
function operatorOf(token: string): string {
  const claims = Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8");
  return z.object({ email: z.string() }).parse(JSON.parse(claims)).email;
}
