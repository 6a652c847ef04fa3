// Two runs that learn from each other's versions, a round of each in turn.
import { modelObject, updatesOf } from "../../../../shared/core/round/objects.ts";
import { act, createRun, digest, runIs, type Stage, triggerRound } from "../scenarios.ts";
import type { Mode } from "./mode.ts";

const SIDES = ["south", "north"] as const;
const ROUNDS = 2;

async function play(stage: Stage, key: string) {
  const sides: { readonly side: string; readonly runId: string }[] = [];
  for (const side of SIDES) {
    const { runId } = await createRun(stage, `${key}-${side}`, {
      selection: { strategy: "random", cohortSize: 1, clients: { labels: { side } } },
      aggregation: { norm: { action: "none" } },
      training: { method: "codistillation", group: key, burnInRounds: 0 },
    });
    await runIs(stage, runId, ({ status }) => status === "ready");
    sides.push({ side, runId });
  }
  for (let round = 1; round <= ROUNDS; round++) {
    for (const { side, runId } of sides) {
      await triggerRound(stage, runId, `${key}-${side}-${round}`);
      await runIs(stage, runId, (run) => run.round === round && run.openRound === null);
    }
  }
  const sideOf = new Map(sides.map(({ side, runId }) => [runId, side]));
  const ends = [];
  for (const { side, runId } of sides) {
    await act(stage, runId, "cancel", `${key}-${side}`);
    await runIs(stage, runId, ({ swept }) => swept);
    const rounds = [];
    for (const { round, status, teachers, consumed } of await stage.store.rounds(runId)) {
      const invocations = await stage.store.invocations(runId, round);
      rounds.push({
        status,
        learnedFrom: teachers?.versions.map((one) => `${sideOf.get(one.runId)} ${one.version}`),
        leftOut: teachers?.leftOut.map((one) => `${sideOf.get(one.runId)}: ${one.reason}`),
        consumed: consumed.map(({ clientId, weight }) => `${clientId} ${weight}`),
        without: invocations.map(({ training }) => training?.withoutTeachers ?? 0),
        model: await digest(stage.objects, modelObject(runId, round)),
      });
    }
    const { objects: left } = await stage.objects.list(updatesOf(runId));
    ends.push({ side, rounds, left: left.length });
  }
  return { ends };
}

const round = (client: string, learnedFrom: readonly string[], leftOut: readonly string[] = []) => ({
  status: "closed",
  learnedFrom,
  leftOut,
  consumed: [`${client} 1`],
  without: [0],
});

export const codistilled: Mode = {
  steps: {
    coordinator: ["open-round", "claim", "report"],
    client: ["call claim", "upload", "call report"],
    aggregator: ["write-model", "publish"],
  },
  play,
  expected: {
    ends: [
      {
        side: "south",
        rounds: [
          round("clinic-b", [], ["north: it has made no version yet"]),
          round("clinic-b", ["north 1"]),
        ],
        left: 0,
      },
      {
        side: "north",
        rounds: [round("clinic-a", ["south 1"]), round("clinic-a", ["south 2"])],
        left: 0,
      },
    ],
  },
};
