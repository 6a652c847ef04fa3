// Buffered rounds as real processes, with the coordinator and the aggregator killed at each of their steps: a
// run ends as one that nothing disturbs, and no update is lost or counted twice.
import { resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { refs } from "../../shared/core/ports/store.ts";
import { modelObject, stateObject, updatesOf } from "../../shared/core/round/objects.ts";
import type { Step } from "../../shared/core/steps.ts";
import { Desk } from "../support/disturb/desk.ts";
import { act, CLIENTS, createRun, DEAD, digest, runIs, type Stage } from "../support/disturb/scenarios.ts";
import { type OpenStage, openStage } from "../support/disturb/stage.ts";
import { casesHere } from "../support/tier.ts";

/** The steps that such a run takes, each struck before and after. */
const COORDINATOR: readonly Step[] = [
  "open-round",
  "claim",
  "report",
  "close-round",
  "enqueue invoke",
  "enqueue close-round",
  "enqueue aggregate",
];
const AGGREGATOR: readonly Step[] = [
  "fix-inputs",
  "write-state",
  "write-model",
  "publish",
  "mark-settled",
  "fold-roster",
  "remove-update",
  "finish-round",
  "enqueue open-round",
];
const POINTS = [
  ...COORDINATOR.map((step) => ["coordinator", step]),
  ...AGGREGATOR.map((step) => ["aggregator", step]),
].flatMap(([name, step]) => [`${name} before ${step}`, `${name} after ${step}`]);

let desk: Desk;
let stage: Stage;
let opened: OpenStage | undefined;
let undisturbed: unknown;

beforeAll(async () => {
  desk = await Desk.open();
  opened = await openStage({
    functionEnv: { DISTURB_DIR: desk.dir },
    functionExecArgv: ["--import", resolve(import.meta.dirname, "../support/disturb/agent.ts")],
  });
  stage = opened.stage;
  desk.serve(stage.box);
  undisturbed = await played("buffered-00000000");
}, 300_000);

afterAll(async () => {
  await opened?.close();
  await desk.close();
});

/**
 * Three clients at work at a time, one of which is gone, and a version of every two updates: those of the two
 * others, who are invited again while the third goes on.
 */
async function played(key: string) {
  const { runId } = await createRun(stage, key, {
    selection: { strategy: "random", cohortSize: 3 },
    aggregation: { strategy: "fedbuff", serverMomentum: 0.5 },
    round: { buffer: { size: 2 }, minUpdates: 2, deadlineSeconds: 600 },
    stop: { rounds: 3 },
  });
  await act(stage, runId, "start", key);
  const run = await runIs(stage, runId, ({ swept }) => swept);
  const rounds = await stage.store.rounds(runId);
  const models = [];
  for (const { round } of rounds) {
    models.push(await digest(stage.objects, modelObject(runId, round)));
    models.push(await digest(stage.objects, stateObject(runId, round)));
  }
  const gone = await stage.store.get(refs.invocation(runId, 1, DEAD));
  return {
    run: { status: run.status, version: run.modelVersion, eur: run.eur, totals: countsOf(run.totals) },
    rounds: rounds.map(({ cohort, carried, closeReason, consumed, dropped, outcomes, status }) => ({
      status,
      cohort,
      carried: carried?.map(({ round, clientId }) => `${round}/${clientId}`),
      closeReason,
      consumed: consumed.map(({ round, clientId, weight }) => `${round}/${clientId} ${weight}`),
      dropped,
      outcomes: outcomes.map(({ round, clientId, result }) => `${round}/${clientId} ${result}`),
    })),
    models,
    gone: gone?.status,
    left: (await stage.objects.list(updatesOf(runId))).objects.length,
  };
}

function countsOf({ invoked, inTime, late, failed, rejected, missed }: Readonly<Record<string, number>>) {
  return { invoked, inTime, late, failed, rejected, missed };
}

test.each(casesHere(["a version is made of the updates that are there, and who is gone holds nobody up"]))(
  "%s",
  () => {
    const round = (number: number, gone: readonly string[]) => ({
      status: "closed",
      cohort: number === 1 ? [...CLIENTS, DEAD] : [...CLIENTS],
      carried: gone,
      closeReason: "quorum",
      consumed: CLIENTS.map((clientId) => `${number}/${clientId} 0.5`),
      dropped: [],
      outcomes: [
        ...CLIENTS.map((clientId) => `${number}/${clientId} in-time`),
        ...(number === 1 ? [`1/${DEAD} goes-on`] : []),
      ],
    });
    expect(undisturbed).toMatchObject({
      run: {
        status: "completed",
        version: 3,
        eur: 1,
        totals: { invoked: 7, inTime: 6, late: 0, failed: 0, rejected: 0, missed: 0 },
      },
      rounds: [round(1, []), round(2, [`1/${DEAD}`]), round(3, [`1/${DEAD}`])],
      gone: "cancelled",
      left: 0,
    });
  },
);

test.each(casesHere(POINTS))(
  "killed %s",
  async (point) => {
    await desk.arm(point, ["kill"]);
    const key = `buffered-${String(POINTS.indexOf(point) + 1).padStart(8, "0")}`;
    expect(await played(key)).toEqual(undisturbed);
    expect(await desk.struck()).toContain(`${point} "kill"`);
    expect(await desk.trouble()).toEqual([]);
  },
  240_000,
);
