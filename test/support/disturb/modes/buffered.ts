// Buffered rounds: three clients at work at a time, one of which is gone, and a version of every two updates,
// those of the two others, who are invited again while the third goes on.
import { refs } from "../../../../shared/core/ports/store.ts";
import { modelObject, stateObject, updatesOf } from "../../../../shared/core/round/objects.ts";
import { act, CLIENTS, createRun, DEAD, digest, runIs, type Stage } from "../scenarios.ts";
import { FOLDING, type Mode, only } from "./mode.ts";

async function play(stage: Stage, key: string) {
  const { runId } = await createRun(stage, key, {
    selection: { strategy: "random", cohortSize: 3, clients: only("trio") },
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

export const buffered: Mode = {
  steps: {
    coordinator: [
      "open-round",
      "claim",
      "report",
      "close-round",
      "enqueue invoke",
      "enqueue close-round",
      "enqueue aggregate",
    ],
    aggregator: [...FOLDING, "write-state"],
  },
  play,
  expected: {
    run: {
      status: "completed",
      version: 3,
      eur: 1,
      totals: { invoked: 7, inTime: 6, late: 0, failed: 0, rejected: 0, missed: 0 },
    },
    rounds: [round(1, []), round(2, [`1/${DEAD}`]), round(3, [`1/${DEAD}`])],
    gone: "cancelled",
    left: 0,
  },
};
