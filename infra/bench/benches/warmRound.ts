// A round when everything is warm: what the protocol costs beside training, from the trigger until it is
// closed.
import { median } from "simple-statistics";
import * as z from "zod";
import type { Invocation } from "../../../shared/core/schemas/invocation.ts";
import type { Round } from "../../../shared/core/schemas/round.ts";
import { clientAccount } from "../../box/box.ts";
import { buckets } from "../../box/deployment.ts";
import { measuredAlone } from "../alone.ts";
import type { Bench, Figure } from "../bench.ts";
import {
  type LocalCloud,
  readyRun,
  registerClients,
  settledRound,
  withLocalCloud,
} from "../cloud/localCloud.ts";
import { processorMs } from "../cloud/processorTime.ts";

const CLIENTS = 20;
/** A round of so many shows what one client more takes. */
const MORE_CLIENTS = 40;
/** Client processes; each trains for any of the clients, one at a time. */
const CLIENT_INSTANCES = 4;
const WARM_UPS = 2;
const ROUNDS = 7;
const CLIENT = "client";

const BareRounds = z.strictObject({ wallMs: z.array(z.number()) });

export const warmRound: Bench = {
  name: "warm-round",
  about: "a round of 20 warm clients that hardly train, with 582,026 parameters, from trigger to closed",
  async run({ signal, show }) {
    const shape = { maxInstances: CLIENT_INSTANCES };
    const clientFunctions = [{ name: CLIENT, clientId: "all", shape }];
    return withLocalCloud({ clientFunctions }, signal, async (cloud) => {
      const { box } = cloud;
      const at = { url: box.runtime.url(CLIENT), serviceAccount: clientAccount(CLIENT) };
      await registerClients(cloud, at, MORE_CLIENTS, [28, 28, 1]);
      const { runId, measured, aggregatorMs } = await warmRounds(cloud, CLIENTS, show);
      show("its calls alone");
      const env = {
        ...process.env,
        ...box.env,
        ...box.envAs("coordinator"),
        MODEL_BUCKET: buckets.models,
      };
      const asked = [runId, `${WARM_UPS + ROUNDS}`, `${WARM_UPS + ROUNDS}`];
      const bare = new URL("../cloud/bareRounds.ts", import.meta.url);
      const { wallMs } = await measuredAlone(bare, asked, BareRounds, { signal, env });
      const more = await warmRounds(cloud, MORE_CLIENTS, show);
      return [
        ...figures(measured, median(wallMs.slice(WARM_UPS))),
        {
          name: "one client more",
          value: (roundMs(more.measured) - roundMs(measured)) / (MORE_CLIENTS - CLIENTS),
          unit: "ms",
          aim: { most: 35 },
          note: `a round of ${MORE_CLIENTS} compared with this one`,
        },
        {
          name: "aggregator: an update",
          value: aggregatorMs / (ROUNDS * CLIENTS),
          unit: "ms",
          aim: { most: 10 },
          note: "processor time of its process, 2.3 MB each; Linux only",
        },
      ] satisfies Figure[];
    });
  },
};

interface WarmRounds {
  readonly runId: string;
  readonly measured: readonly Measured[];
  /** Processor time of the aggregator in all of them, in ms. */
  readonly aggregatorMs: number;
}

async function warmRounds(
  cloud: LocalCloud,
  cohortSize: number,
  show: (progress: string) => void,
): Promise<WarmRounds> {
  const { runId } = await readyRun(cloud, {
    name: "warm round",
    model: { builtin: "mnist-cnn" },
    selection: { strategy: "random", cohortSize },
    round: { deadlineSeconds: 60 },
    stop: { rounds: WARM_UPS + ROUNDS },
  });
  const measured: Measured[] = [];
  let before = Number.NaN;
  for (let number = 1; number <= WARM_UPS + ROUNDS; number++) {
    show(number <= WARM_UPS ? `warming up, round ${number}` : `round ${number - WARM_UPS} of ${ROUNDS}`);
    if (number === WARM_UPS + 1) before = processorMs("aggregator");
    const askedAt = await cloud.trigger(runId);
    const round = await settledRound(cloud, runId, number);
    const invocations = await cloud.api.invocations(runId, number);
    if (number > WARM_UPS) measured.push({ askedAt, round, invocations });
  }
  return { runId, measured, aggregatorMs: processorMs("aggregator") - before };
}

interface Measured {
  readonly askedAt: number;
  readonly round: Round;
  readonly invocations: readonly Invocation[];
}

/** From the trigger until closed, the median. */
function roundMs(measured: readonly Measured[]): number {
  return median(measured.map(({ askedAt, round }) => (round.closedAt ?? Number.NaN) - askedAt));
}

/** @param callsMs what the calls of one round to the database and the bucket take by themselves. */
function figures(measured: readonly Measured[], callsMs: number): Figure[] {
  const of = (value: (one: Measured) => number) => median(measured.map(value));
  const wallMs = roundMs(measured);
  const medianOf = (part: (timings: NonNullable<Invocation["timings"]>) => number) =>
    of(({ invocations }) =>
      median(invocations.map(({ timings }) => (timings === null ? Number.NaN : part(timings)))),
    );
  const lastReport = ({ invocations }: Measured) =>
    Math.max(...invocations.map(({ reportedAt }) => reportedAt ?? Number.NaN));
  const ms = (name: string, value: number, note = ""): Figure => ({ name, value, unit: "ms", note });
  return [
    { name: "trigger to closed", value: wallMs, unit: "ms", aim: { most: 1_200 } },
    ms("its calls alone", callsMs, "to the database and the bucket, from one process that does nothing else"),
    { name: "this ÷ its calls alone", value: wallMs / callsMs, unit: "x" },
    ms(
      "  until opened",
      of(({ askedAt, round }) => round.openedAt - askedAt),
      "api, task, cohort chosen",
    ),
    ms(
      "  until the last report",
      of((one) => lastReport(one) - one.round.openedAt),
      `${CLIENTS} clients in ${CLIENT_INSTANCES} processes`,
    ),
    ms(
      "  until the aggregation",
      of((one) => (one.round.aggregatingAt ?? Number.NaN) - lastReport(one)),
    ),
    ms(
      "  until closed",
      of(({ round }) => (round.closedAt ?? Number.NaN) - (round.aggregatingAt ?? Number.NaN)),
      "task, 20 updates read and folded, version written",
    ),
    ms(
      "a client: waiting for its turn",
      medianOf(({ queueWaitMs }) => queueWaitMs),
    ),
    ms(
      "a client: claim",
      medianOf(({ claimMs }) => claimMs),
    ),
    ms(
      "a client: download",
      medianOf(({ downloadMs }) => downloadMs),
    ),
    ms(
      "a client: data set",
      medianOf(({ dataMs }) => dataMs),
    ),
    ms(
      "a client: training",
      medianOf(({ trainMs }) => trainMs),
      "the deterministic trainer's arithmetic",
    ),
    ms(
      "a client: upload",
      medianOf(({ uploadMs }) => uploadMs),
    ),
    ms(
      "a client: report",
      medianOf(({ reportMs }) => reportMs),
    ),
  ];
}
