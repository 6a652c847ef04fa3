// A run that trains by a clock of its own, and the answers of the api about it, for those who follow it:
// rounds open one after the other, close, and are scored a little later.
import * as z from "zod";
import type { ApiCall } from "../../infra/cli/apiTransport.ts";
import { FlError } from "../../shared/core/errors.ts";
import { firstRoundOfLook, firstUnsettled, ROUNDS_SEEN } from "../../shared/core/round/live.ts";
import { RoundFigures } from "../../shared/core/schemas/figures.ts";
import { Round } from "../../shared/core/schemas/round.ts";
import { Run } from "../../shared/core/schemas/run.ts";
import { buildRound, buildRun, buildSpec, T0 } from "./builders.ts";

export interface WatchedRunOptions {
  readonly rounds: number;
  /** From the start to the first round. */
  readonly firstOpensMs?: number;
  readonly trainMs?: number;
  /** From a close to its score; null: no version is scored. */
  readonly scoreMs?: number | null;
  /** Rounds that make no version. */
  readonly degraded?: readonly number[];
  /** When the run is paused, which ends nothing. */
  readonly pausedMs?: number;
}

/** From the close of a round to the next one. */
const BETWEEN_MS = 500;

/** What a round has been through, in ms since the run's start; Infinity for what does not come. */
interface Moments {
  readonly openedMs: number;
  readonly closedMs: number;
  readonly scoredMs: number;
}

export class WatchedRun {
  readonly #options: Required<WatchedRunOptions>;

  constructor({
    firstOpensMs = 1_000,
    trainMs = 8_000,
    scoreMs = 1_000,
    degraded = [],
    pausedMs = Number.POSITIVE_INFINITY,
    rounds,
  }: WatchedRunOptions) {
    this.#options = { firstOpensMs, trainMs, scoreMs, degraded, pausedMs, rounds };
  }

  /** When everything that happens has happened, in ms since 1970. */
  get endedAtMs(): number {
    const { closedMs, scoredMs } = this.#momentsOf(this.#options.rounds);
    return T0 + (Number.isFinite(scoredMs) ? scoredMs : closedMs);
  }

  /** The api's answer at a moment, in ms since 1970. */
  answer({ path, query }: ApiCall, nowMs: number): unknown {
    const atMs = nowMs - T0;
    const [, number] = /\/rounds\/(\d+)$/.exec(path) ?? [];
    if (number !== undefined) return z.encode(Round, this.#round(Number(number), atMs));
    if (path.endsWith("/live")) return this.#live(query?.["since"], atMs);
    throw new FlError("not-found", `There is nothing at ${path}.`);
  }

  #momentsOf(round: number): Moments {
    const { firstOpensMs, trainMs, scoreMs, degraded } = this.#options;
    const openedMs = firstOpensMs + (round - 1) * (trainMs + BETWEEN_MS);
    const closedMs = openedMs + trainMs;
    const isScored = scoreMs !== null && !degraded.includes(round);
    return { openedMs, closedMs, scoredMs: isScored ? closedMs + scoreMs : Number.POSITIVE_INFINITY };
  }

  #last(atMs: number): number {
    let last = 0;
    while (last < this.#options.rounds && this.#momentsOf(last + 1).openedMs <= atMs) last++;
    return last;
  }

  #round(round: number, atMs: number): Round {
    const { openedMs, closedMs, scoredMs } = this.#momentsOf(round);
    const { scoreMs, degraded } = this.#options;
    const open = { round, openedAt: T0 + openedMs, deadlineAt: T0 + openedMs + 60_000 };
    if (atMs < closedMs) return buildRound(open);
    const isDegraded = degraded.includes(round);
    return buildRound({
      ...open,
      status: isDegraded ? "degraded" : "closed",
      closeReason: isDegraded ? "too-few-updates" : "all-reported",
      ...(isDegraded ? { degradedReason: "1 of 2 updates that are needed." } : {}),
      newVersion: isDegraded ? null : round,
      closedAt: T0 + closedMs,
      followedUp: true,
      unscoredReason: scoreMs === null && !isDegraded ? "Versions are not scored." : null,
      ...(atMs < scoredMs ? {} : { accuracy: 0.5 + round / 1e4, loss: 1 }),
    });
  }

  #run(atMs: number): Run {
    const { rounds, scoreMs, pausedMs } = this.#options;
    const last = this.#last(atMs);
    const isOpen = last > 0 && atMs < this.#momentsOf(last).closedMs;
    const scored = Math.max(
      0,
      ...this.#upTo(last).filter((round) => this.#momentsOf(round).scoredMs <= atMs),
    );
    const isCompleted = last === rounds && !isOpen;
    return buildRun({
      spec: buildSpec({ stop: { rounds } }),
      status: isCompleted ? "completed" : atMs >= pausedMs ? "paused" : "running",
      statusReason: isCompleted ? `all ${rounds} rounds are done` : null,
      round: last,
      openRound: isOpen ? last : null,
      modelVersion: isOpen ? last - 1 : last,
      evaluatedVersion: scored === 0 ? null : scored,
      unscoredReason: scoreMs === null ? "Versions are not scored." : null,
      ...(scored === 0 ? {} : { accuracy: 0.5 + scored / 1e4, loss: 1 }),
      updatedAt: T0 + this.#changedMs(last, atMs),
    });
  }

  #upTo(last: number): readonly number[] {
    return Array.from({ length: last }, (_, i) => i + 1);
  }

  /** When the last thing happened to any round up to this one. */
  #changedMs(last: number, atMs: number): number {
    const { pausedMs } = this.#options;
    const moments = this.#upTo(last).flatMap((round) => Object.values(this.#momentsOf(round)));
    return Math.max(0, ...[...moments, pausedMs].filter((ms) => ms <= atMs));
  }

  /** As the store reads it: what has changed since, of the rounds that a look is about. */
  #live(since: unknown, atMs: number): unknown {
    const seen = typeof since === "string" ? (JSON.parse(since) as { from: number; ms: number }) : null;
    const last = this.#last(atMs);
    const first = firstRoundOfLook(seen && { from: seen.from, round: 0, newestMs: 0 }, last);
    const looked = this.#upTo(last)
      .filter((round) => round >= first)
      .slice(0, ROUNDS_SEEN);
    const isNew = (round: number) =>
      Object.values(this.#momentsOf(round)).some((ms) => ms <= atMs && ms > (seen?.ms ?? -1));
    const rounds = looked.map((round) => this.#round(round, atMs));
    const changedMs = this.#changedMs(last, atMs);
    return {
      cursor: JSON.stringify({ from: Math.max(1, firstUnsettled(rounds, last)), ms: changedMs }),
      run: seen === null || changedMs > seen.ms ? z.encode(Run, this.#run(atMs)) : null,
      rounds: rounds.filter(({ round }) => isNew(round)).map((round) => encodedFigures(round)),
      invocations: [],
    };
  }
}

/** A round as the api tells of it to those who follow its run. */
export function encodedFigures(round: Round): z.input<typeof RoundFigures> {
  return z.encode(RoundFigures, RoundFigures.parse(figuresOf(round)));
}

function figuresOf(round: Round): unknown {
  const wire = z.encode(Round, round) as Record<string, unknown>;
  return Object.fromEntries(Object.keys(RoundFigures.shape).map((key) => [key, wire[key]]));
}
