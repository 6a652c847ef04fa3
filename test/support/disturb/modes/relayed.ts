// A relay of two clients that answer: the second one goes on with what the first one has made.
import { act, CLIENTS, createRun, endOf, type Stage } from "../scenarios.ts";
import { type Mode, only } from "./mode.ts";

async function play(stage: Stage, key: string) {
  const { runId } = await createRun(stage, key, {
    selection: { strategy: "random", cohortSize: 2, clients: only("pair") },
    round: { deadlineSeconds: 600, relay: { strategy: "chain", groupSize: 2 } },
    stop: { rounds: 2 },
  });
  await act(stage, runId, "start", key);
  const end = await endOf(stage, runId);
  const turns = [];
  for (const { round, cohort } of end.rounds) {
    const invocations = await stage.store.invocations(runId, round);
    const hops = invocations.map(({ relay }) => relay?.hop).toSorted();
    const starts = invocations.flatMap(({ relay }) => relay?.from.map(({ clientId }) => clientId) ?? []);
    turns.push({ cohort, hops, starts: starts.length });
  }
  return { ...end, turns };
}

export const relayed: Mode = {
  // What passing a model on takes is disturbed in every way in disturbed.test.ts.
  steps: {
    coordinator: ["claim", "report", "pass-on", "close-round"],
    client: ["call claim", "upload", "call report"],
    aggregator: ["fix-inputs", "write-model", "publish", "mark-settled"],
  },
  play,
  expected: {
    run: { status: "completed", modelVersion: 2, eur: 1, totals: { invoked: 4, inTime: 4 } },
    rounds: [{ closeReason: "all-reported" }, { closeReason: "all-reported" }],
    turns: Array.from({ length: 2 }, () => ({ cohort: [...CLIENTS], hops: [1, 2], starts: 1 })),
    left: [],
  },
};
