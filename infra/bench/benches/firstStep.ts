// The first trained step of a client that starts cold, with TensorFlow, alone and beside seven others: what a
// federation waits for whose clients have a function each.
import { median } from "simple-statistics";
import type { Invocation } from "../../../shared/core/schemas/invocation.ts";
import { clientAccount } from "../../box/box.ts";
import type { Bench, Figure } from "../bench.ts";
import {
  type LocalCloud,
  readyRun,
  registerClients,
  settledRound,
  withLocalCloud,
} from "../cloud/localCloud.ts";

const CLIENT = "client";
const AT_ONCE = 8;
/** One batch: an epoch is one step. */
const SAMPLES = 32;
const REPEATS = 3;

export const firstStep: Bench = {
  name: "first-step",
  about: `from the start of a client's process to its first trained step, alone and ${AT_ONCE} at once`,
  async run({ signal, show }) {
    const clientFunctions = [{ name: CLIENT, clientId: "all", shape: { maxInstances: AT_ONCE } }] as const;
    return withLocalCloud({ clientFunctions, trainer: "tensorflow" }, signal, async (cloud) => {
      const at = { url: cloud.box.runtime.url(CLIENT), serviceAccount: clientAccount(CLIENT) };
      await registerClients(cloud, at, AT_ONCE, [28, 28, 1], SAMPLES);
      show("alone");
      const alone = await coldRounds(cloud, 1);
      show(`${AT_ONCE} at once`);
      const together = await coldRounds(cloud, AT_ONCE);
      const lastOfEach = together.map((times) => Math.max(...times));
      const note = "process, TensorFlow, claim, model, data, one step of the mnist-cnn";
      return [
        { name: "alone", value: median(alone.flat()), unit: "ms", aim: { most: 1_500 }, note },
        { name: `${AT_ONCE} at once: the last`, value: median(lastOfEach), unit: "ms", aim: { most: 2_500 } },
        { name: `${AT_ONCE} at once: the median`, value: median(together.flat()), unit: "ms" },
      ] satisfies Figure[];
    });
  },
};

/** For each round of so many clients, none of which has an instance: what each took for its first step, in ms. */
async function coldRounds(cloud: LocalCloud, cohortSize: number): Promise<number[][]> {
  const { runId } = await readyRun(cloud, {
    name: "first step",
    model: { builtin: "mnist-cnn" },
    selection: { strategy: "random", cohortSize },
    round: { deadlineSeconds: 120 },
    stop: { rounds: REPEATS + 1 },
  });
  const times: number[][] = [];
  // The first one warms the file system.
  for (let number = 1; number <= REPEATS + 1; number++) {
    await cloud.box.runtime.scaleDown(CLIENT);
    await cloud.trigger(runId);
    await settledRound(cloud, runId, number);
    if (number > 1) times.push((await cloud.api.invocations(runId, number)).map(firstStepMs));
  }
  return times;
}

/** Since the process was started. What it waited before that is the queue's. */
function firstStepMs({ timings }: Invocation): number {
  if (timings === null) return Number.NaN;
  const { coldStartMs, claimMs, downloadMs, dataMs, trainMs } = timings;
  return coldStartMs + claimMs + downloadMs + dataMs + trainMs;
}
