// What a simulation knows and changes: a virtual clock, the run's documents in memory, and the events to
// come.
import TinyQueue from "tinyqueue";
import type { PriceTable } from "../../../shared/core/cost/prices.ts";
import { FlError } from "../../../shared/core/errors.ts";
import type { Consideration } from "../../../shared/core/methods/selection/strategy.ts";
import { isWanted } from "../../../shared/core/methods/selection/wantedClients.ts";
import type { Command } from "../../../shared/core/protocol/commands.ts";
import type { Freed } from "../../../shared/core/roster/reports.ts";
import { advance, createRun, prepared } from "../../../shared/core/round/control.ts";
import type { Invocation } from "../../../shared/core/schemas/invocation.ts";
import type { Round } from "../../../shared/core/schemas/round.ts";
import type { Run } from "../../../shared/core/schemas/run.ts";
import type { StoredRunSpec } from "../../../shared/core/schemas/spec.ts";
import type { Population } from "../population/population.ts";
import type { Learner } from "./learner.ts";
import { createRoster, type SimulatedRoster } from "./roster.ts";

export interface SimulationInput {
  readonly spec: StoredRunSpec;
  readonly population: Population;
  readonly learner: Learner;
  /** What the core charges by. */
  readonly prices: PriceTable;
  /** What making the initial weights has cost; nothing where absent. */
  readonly preparationUsd?: number;
  /** How much more work an invocation is than usual, such as for a proximal term. */
  readonly workFactor: number;
  /** The published controller does not know that a client may still be at work. */
  readonly ignoresBusy: boolean;
  /** After so many ms from its start the run is left as it is, inclusive; at its own end where absent. */
  readonly untilMs?: number;
  /** Called with every round once it is published. */
  readonly onRound?: (closed: ClosedRound) => void;
  /** Called with USD that are charged after the round they belong to was published. */
  readonly onSettled?: (usd: number) => void;
  /** Called with the score of a round's version, where versions are scored. */
  readonly onScore?: (round: number, accuracy: number) => void;
}

export interface ClosedRound {
  readonly round: Round;
  /** Why each client of the cohort was chosen. */
  readonly chosen: readonly Consideration[];
  /** The invocations of the round as it was published. */
  readonly cohort: readonly Invocation[];
}

/** A round that is open, or of which late updates may still come. */
export interface HeldRound {
  readonly chosen: readonly Consideration[];
  readonly invocations: Map<string, Invocation>;
  /** When the last call was sent that reached each client, whether it has claimed or not. */
  readonly calledAt: Map<string, number>;
  /** Clients whose call the queue has given up. */
  readonly givenUp: Set<string>;
  round: Round;
  reported: number;
  failed: number;
}

/** An invocation that was published without a report. */
export interface SilentCall {
  readonly round: Round;
  readonly invocation: Invocation;
  /** Of a buffered run: a later round decides what becomes of it. */
  readonly goesOn: boolean;
}

/** When the last call of a client that was claimed ends, as far as its client is concerned. */
export interface CallEnd {
  readonly round: number;
  readonly atMs: number;
}

export interface World {
  readonly input: SimulationInput;
  readonly roster: SimulatedRoster;
  readonly held: Map<number, HeldRound>;
  run: Run;
  nowMs: number;
  /** Reports that no round has folded yet, and claims that came too late, by client: the latest of each. */
  readonly reports: Map<string, Freed>;
  /**
   * Calls of published rounds without a report that are not charged to their end, by client: the latest of
   * each.
   */
  readonly silent: Map<string, SilentCall>;
  /** By client. */
  readonly ends: Map<string, CallEnd>;
  /** What the strategy kept when the last round was opened; input of the next selection. */
  selectionState: string | null;
  /** Events of one moment happen in the order in which they were scheduled. */
  schedule(atMs: number, act: Act): void;
  next(): Event | undefined;
}

/** What happens at an event; returns what it asks to be done next. */
export type Act = () => readonly Command[] | Promise<readonly Command[]>;

export interface Event {
  readonly atMs: number;
  readonly order: number;
  readonly act: Act;
}

/** A run that is prepared and started, at moment 0. */
export function createWorld(input: SimulationInput): World {
  const { population, spec, learner } = input;
  const queue = new TinyQueue<Event>([], (a, b) => a.atMs - b.atMs || a.order - b.order);
  let scheduled = 0;
  const isCandidate = (clientId: string) =>
    isWanted(spec.selection, { labels: population.labels?.(clientId) ?? {} });
  const ready = prepared(
    createRun("run", spec, "simulator", 0),
    learner.model,
    input.preparationUsd ?? 0,
    0,
  ).run;
  return {
    input,
    roster: createRoster(population.clientIds.filter(isCandidate), population.capacity, spec.selection),
    held: new Map(),
    run: advance({ ...ready, status: "running", startedAt: 0 }).run,
    nowMs: 0,
    reports: new Map(),
    silent: new Map(),
    ends: new Map(),
    selectionState: null,
    schedule: (atMs, act) => {
      scheduled += 1;
      queue.push({ atMs, order: scheduled, act });
    },
    next: () => queue.pop(),
  };
}

export function heldRound(world: World, round: number): HeldRound {
  const held = world.held.get(round);
  if (held === undefined) throw new FlError("internal", `Round ${round} is not held any more.`);
  return held;
}
