// Follows a run of the local cloud from its start to its end, and shows each change.
import { setTimeout as sleep } from "node:timers/promises";
import { FlError } from "../../shared/core/errors.ts";
import type { Run } from "../../shared/core/schemas/run.ts";
import type { ApiClient } from "./apiClient.ts";
import type { DemoView } from "./view/demoView.ts";
import { isOpen, type RoundSnapshot, runSnapshotOf, snapshotOf } from "./view/roundSnapshot.ts";

export interface Followed {
  readonly run: Run;
  /** Every round of the run, first to last. */
  readonly rounds: readonly RoundSnapshot[];
}

const POLL_MS = 1_000;
/** Once only the last score is missing. */
const SCORE_POLL_MS = 200;
/** After the last round its version is still being scored. */
const SCORE_PATIENCE_MS = 60_000;

/**
 * Starts a run, or goes on with one that was started before, until it is completed and scored. Null when it
 * was interrupted.
 *
 * @throws FlError("failed-precondition") with the reason when the run ends in another way, or is paused
 */
export async function followRun(
  runId: string,
  api: ApiClient,
  view: Pick<DemoView, "update">,
  signal: AbortSignal,
): Promise<Followed | null> {
  const { status } = await api.run(runId);
  if (status === "preparing" || status === "ready") await api.act(runId, "start");
  const settled = new Map<number, RoundSnapshot>();
  let endedMs: number | null = null;
  while (!signal.aborted) {
    const run = await api.run(runId);
    const rounds = await snapshots(api, runId, settled);
    view.update(rounds, runSnapshotOf(run));
    if (run.status === "failed" || run.status === "paused" || run.status === "cancelled") {
      throw new FlError(
        "failed-precondition",
        `The run is ${run.status}: ${(run.statusReason ?? "no reason given").replace(/\.$/, "")}.`,
      );
    }
    if (run.status === "completed") {
      endedMs ??= performance.now();
      const scored = run.evaluatedVersion === run.modelVersion || run.modelVersion === 0;
      if (scored || performance.now() - endedMs > SCORE_PATIENCE_MS) return { run, rounds };
    }
    await sleep(endedMs === null ? POLL_MS : SCORE_POLL_MS);
  }
  return null;
}

/** Rounds that are closed and scored do not change any more and are not read again. */
async function snapshots(
  api: ApiClient,
  runId: string,
  settled: Map<number, RoundSnapshot>,
): Promise<RoundSnapshot[]> {
  const rounds = await api.rounds(runId);
  return Promise.all(
    rounds.map(async (round) => {
      const before = settled.get(round.round);
      if (before !== undefined) return before;
      const open = round.status === "training" || round.status === "aggregating";
      const snapshot = snapshotOf(round, open ? await api.invocations(runId, round.round) : [], Date.now());
      if (!isOpen(snapshot) && (round.loss !== null || round.newVersion === null)) {
        settled.set(round.round, snapshot);
      }
      return snapshot;
    }),
  );
}
