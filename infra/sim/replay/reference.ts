// What a recorded run came to, in the form of published numbers, to stand beside a replay.
import type { Published } from "../scenario/scenario.ts";
import type { Recording } from "./recording.ts";

/** Beside every strategy: what it would have been is compared with what was. */
export function referenceOf({ run, rounds }: Recording): Published {
  const ended = rounds.filter(({ eur, closedAt }) => eur !== null && closedAt !== null);
  const first = rounds[0];
  const last = ended.at(-1);
  const eur = ended.reduce((sum, round) => sum + (round.eur ?? 0), 0) / Math.max(1, ended.length);
  const timeMs = first === undefined || last === undefined ? null : (last.closedAt ?? 0) - first.openedAt;
  const numbers = {
    eur: [eur],
    timeMinutes: [timeMs === null ? null : timeMs / 60_000],
    costUsd: [ended.reduce((sum, { costUsd }) => sum + (costUsd ?? 0), 0)],
    accuracy: [run.accuracy],
  };
  return { source: `run ${run.runId}`, levels: [0], strategies: {}, otherwise: numbers };
}
