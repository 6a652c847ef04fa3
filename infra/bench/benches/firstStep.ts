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

const AT_ONCE = 8;
/** One batch: an epoch is one step. */
const SAMPLES = 32;
const REPEATS = 3;

export const firstStep: Bench = {
  name: "first-step",
  about: `from the start of a client's process to its first trained step, alone and ${AT_ONCE} at once`,
  async run({ signal, show }) {
    const names = Array.from({ length: AT_ONCE }, (_, i) => `client-${i + 1}`);
    const clientFunctions = names.map((name) => ({
      name,
      clientId: "all" as const,
      shape: { maxInstances: 1 },
    }));
    return withLocalCloud({ clientFunctions, trainer: "tensorflow" }, signal, async (cloud) => {
      for (const [index, name] of names.entries()) {
        const at = { url: cloud.box.runtime.url(name), serviceAccount: clientAccount(name) };
        await registerClients(cloud, at, 1, [28, 28, 1], SAMPLES, index);
      }
      show("alone");
      const alone = await coldRounds(cloud, names, 1);
      show(`${AT_ONCE} at once`);
      const together = await coldRounds(cloud, names, AT_ONCE);
      const last = (of: (one: Times) => number) =>
        median(together.map((round) => Math.max(...round.map(of))));
      const note = "process, TensorFlow, claim, model, data, one step of the mnist-cnn";
      return [
        {
          name: "alone",
          value: median(alone.flat().map(({ sinceStartMs }) => sinceStartMs)),
          unit: "ms",
          aim: { most: 1_500 },
          note,
        },
        {
          name: `${AT_ONCE} at once: the slowest`,
          value: last(({ sinceStartMs }) => sinceStartMs),
          unit: "ms",
          aim: { most: 2_500 },
          note: "as many processes start together as there are cores",
        },
        {
          name: "  the last, since its call was sent",
          value: last(({ sinceSentMs }) => sinceSentMs),
          unit: "ms",
          note: "with its wait for others",
        },
      ] satisfies Figure[];
    });
  },
};

interface Times {
  /** Since the process was started. What the call waited before that is the queue's. */
  readonly sinceStartMs: number;
  readonly sinceSentMs: number;
}

/** For each round of so many clients, none of which has an instance: what each took for its first step. */
async function coldRounds(
  cloud: LocalCloud,
  names: readonly string[],
  cohortSize: number,
): Promise<Times[][]> {
  const { runId } = await readyRun(cloud, {
    name: "first step",
    model: { builtin: "mnist-cnn" },
    selection: { strategy: "random", cohortSize },
    round: { deadlineSeconds: 120 },
    stop: { rounds: REPEATS + 1 },
  });
  const times: Times[][] = [];
  // The first one warms the file system.
  for (let number = 1; number <= REPEATS + 1; number++) {
    for (const name of names) await cloud.box.runtime.scaleDown(name);
    await cloud.trigger(runId);
    await settledRound(cloud, runId, number);
    if (number > 1) times.push((await cloud.api.invocations(runId, number)).map(timesOf));
  }
  return times;
}

function timesOf({ timings, invokedAt, claimedAt }: Invocation): Times {
  if (timings === null || claimedAt === null) return { sinceStartMs: Number.NaN, sinceSentMs: Number.NaN };
  const { coldStartMs, claimMs, downloadMs, dataMs, trainMs } = timings;
  const afterClaimMs = downloadMs + dataMs + trainMs;
  return {
    sinceStartMs: coldStartMs + claimMs + afterClaimMs,
    sinceSentMs: claimedAt - invokedAt + afterClaimMs,
  };
}
