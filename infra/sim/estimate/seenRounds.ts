// What the deployment's own functions took in the rounds of a run that was seen.
import type { RoundFigures } from "../../../shared/core/schemas/figures.ts";
import type { Run } from "../../../shared/core/schemas/run.ts";
import type { SeenRound } from "./evidence.ts";

type Figures = Pick<
  RoundFigures,
  "round" | "openedAt" | "aggregatingAt" | "closedAt" | "newVersion" | "costs"
>;
type Times = Pick<Run, "startedAt" | "endedAt" | "status">;

/** Between rounds a run may have waited for clients, or been paused; that is no time of its functions. */
const MOST_BETWEEN = 5;

/** @param rounds ascending; those that are not closed say nothing */
export function seenRounds(
  { startedAt, endedAt, status }: Times,
  rounds: readonly Figures[],
): readonly SeenRound[] {
  const closed = rounds.filter(({ closedAt }) => closedAt !== null);
  const delays = closed.map((round, i) => {
    const before = i === 0 ? (round.round === 1 ? startedAt : null) : closed[i - 1]?.closedAt;
    return before == null ? null : Math.max(0, round.openedAt - before);
  });
  const last = closed.at(-1)?.closedAt ?? null;
  const atEnd =
    status === "completed" && endedAt !== null && last !== null ? [Math.max(0, endedAt - last)] : [];
  const known = [...delays, ...atEnd].filter((ms) => ms !== null).toSorted((a, b) => a - b);
  const usualMs = known[Math.floor((known.length - 1) / 2)] ?? 0;
  const ofItsOwn = (ms: number | null) =>
    ms !== null && ms > MOST_BETWEEN * Math.max(usualMs, 1_000) ? null : ms;
  return closed.map((round, i) => ({
    aggregateMs:
      round.newVersion === null || round.aggregatingAt === null || round.closedAt === null
        ? null
        : Math.max(0, round.closedAt - round.aggregatingAt),
    aggregatorUsd: round.costs.aggregatorUsd,
    openDelayMs: ofItsOwn(delays[i] ?? null),
    coordinatorUsd: round.costs.coordinatorUsd,
    evaluatorUsd: round.costs.evaluatorUsd,
  }));
}
