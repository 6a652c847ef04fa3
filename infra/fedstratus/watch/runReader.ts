// Reads what has changed of a run since the last look, also where there was no look for a long time.
import * as z from "zod";
import { FlError } from "../../../shared/core/errors.ts";
import { isSettled, ROUNDS_SEEN } from "../../../shared/core/round/live.ts";
import { InvocationFigures, RoundFigures } from "../../../shared/core/schemas/figures.ts";
import { Run } from "../../../shared/core/schemas/run.ts";
import { isPublished, snapshotOf } from "../../cli/view/roundSnapshot.ts";
import type { Api, Read } from "../frame/api.ts";
import type { Seen } from "./watchView.ts";

/** What this program reads of the api's answer. */
const Live = z.object({
  cursor: z.string(),
  run: z.unknown(),
  rounds: z.array(z.unknown()),
  invocations: z.array(InvocationFigures),
});

/** Rounds read one by one that are asked for at a time. */
const READ_AT_ONCE = 10;

/**
 * Rounds that a watch keeps, of the last ones: more than any terminal shows, and than a look tells of again.
 * Of those before them only their number is known.
 */
export const ROUNDS_KEPT = 200;

/**
 * A call each time; the rounds before the first look are left alone. A read that fails changes nothing. What
 * is kept does not grow with the rounds of the run: a round that has been told of is left out once it is
 * older than those kept.
 */
export function runReader(runId: string, api: Pick<Api, "call" | "read">) {
  const rounds = new Map<number, Read<RoundFigures>>();
  const invocations = new Map<string, InvocationFigures>();
  let run: Read<Run> | undefined;
  let cursor: string | undefined;
  /** The last round at the look before. */
  let lastRound = 0;
  /** Of the rounds that are kept no more. */
  const leftOut = { rounds: 0, closed: 0 };
  return {
    read: async (nowMs: number): Promise<Seen> => {
      const path = `/v1/runs/${runId}/live`;
      const { value } = await api.call({ method: "GET", path, query: { since: cursor } }, Live);
      const isFirst = run === undefined;
      const seen = value.run === null ? run : api.read(value.run, Run, path);
      if (seen === undefined) throw new FlError("failed-precondition", `${path} answered without the run.`);
      const now = seen.value.round;
      const told = value.rounds.map((json) => api.read(json, RoundFigures, path));
      // Of those that were over when the watch began, only the last one is shown.
      const news = told.filter(({ value: { round } }) => !isFirst || round >= Math.max(1, now));
      const missed = isFirst ? [] : await readAll(untoldRounds(now));
      leaveOutOld();
      for (const round of [...missed, ...news]) rounds.set(round.value.round, round);
      for (const one of value.invocations) invocations.set(`${one.round} ${one.clientId}`, one);
      // A round that is published has counts of its own.
      for (const [key, { round }] of invocations)
        if (isPublished(rounds.get(round)?.value)) invocations.delete(key);
      [run, cursor, lastRound] = [seen, value.cursor, now];
      const all = [...rounds.values()].toSorted((a, b) => a.value.round - b.value.round);
      const ofRound = Map.groupBy(invocations.values(), ({ round }) => round);
      return {
        run,
        rounds: all,
        leftOut: { ...leftOut },
        snapshots: all.map(({ value: round }) => snapshotOf(round, ofRound.get(round.round) ?? [], nowMs)),
        isNews: value.run !== null || value.rounds.length > 0 || value.invocations.length > 0,
      };
    },
  };

  /** Those that the look before has shown, so that each is shown as it ended. */
  function leaveOutOld(): void {
    for (const [number, { value }] of rounds) {
      if (number > lastRound - ROUNDS_KEPT) continue;
      rounds.delete(number);
      leftOut.rounds++;
      if (isPublished(value)) leftOut.closed++;
      for (const [key, { round }] of invocations) if (round === number) invocations.delete(key);
    }
  }

  /**
   * A look tells of the last rounds alone. Those that have gone by since the look before, and those that it
   * left unfinished, are not told of any more.
   */
  function untoldRounds(now: number): readonly number[] {
    const toldFrom = now - ROUNDS_SEEN + 1;
    const first = Math.max(Math.min(...rounds.keys(), lastRound + 1), lastRound - ROUNDS_SEEN + 1);
    return Array.from({ length: Math.max(0, toldFrom - first) }, (_, i) => first + i).filter((round) => {
      const known = rounds.get(round);
      return known === undefined || !isSettled(known.value);
    });
  }

  async function readAll(numbers: readonly number[]): Promise<readonly Read<RoundFigures>[]> {
    const found: Read<RoundFigures>[] = [];
    for (let start = 0; start < numbers.length; start += READ_AT_ONCE) {
      const some = numbers.slice(start, start + READ_AT_ONCE).map((round) => {
        const path = `/v1/runs/${runId}/rounds/${round}`;
        return api.call({ method: "GET", path }, RoundFigures);
      });
      found.push(...(await Promise.all(some)));
    }
    return found;
  }
}
