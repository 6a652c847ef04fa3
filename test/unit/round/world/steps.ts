// The steps that a world can take, and how fast-check draws them.
import fc from "fast-check";
import type { Command } from "../../../../shared/core/protocol/commands.ts";
import type { ControlAction } from "../../../../shared/core/round/control.ts";
import type { RunSpec } from "../../../../shared/core/schemas/spec.ts";

export type Step =
  | { readonly kind: "deliver"; readonly pick: number; readonly stale: boolean; readonly dies: boolean }
  /** One of the tasks of this kind that no client is at work on: an early deadline, a client called. */
  | {
      readonly kind: "deliver-one";
      readonly of: Command["kind"];
      readonly pick: number;
      /** The coordinator has read the run and the round before the step that came last. */
      readonly stale: boolean;
      readonly dies: boolean;
    }
  | {
      readonly kind: "report";
      readonly pick: number;
      readonly result: "update" | "bad-update" | "failure";
      readonly stale: boolean;
      /** Its answer is lost, so the client says it again. */
      readonly twice: boolean;
      readonly dies: boolean;
    }
  | { readonly kind: "client-dies"; readonly pick: number; readonly uploads: boolean }
  /** A function whose steps are taken one by one goes on to the next, or dies there. */
  | { readonly kind: "work"; readonly pick: number; readonly dies: boolean }
  | { readonly kind: "operate"; readonly action: ControlAction | "trigger"; readonly dies: boolean }
  /** Queued tasks vanish: one of them, or all where it is null. */
  | { readonly kind: "purge"; readonly pick: number | null }
  | { readonly kind: "watch" }
  /** A client leaves the federation; or one that has left comes back, of which nothing is known any more. */
  | { readonly kind: "come-or-go"; readonly pick: number }
  | { readonly kind: "wait"; readonly ms: number };

const pick = fc.nat({ max: 30 });
const rarely = fc.integer({ min: 0, max: 7 }).map((n) => n === 7);
const sometimes = fc.boolean();
const never = fc.constant(false);

interface Disturbances {
  /** Whether functions die and tasks vanish. */
  readonly losses: boolean;
  readonly cancels: boolean;
  /** Whether turns of a relay come to their deadlines; they do not where absent. */
  readonly relays?: boolean;
  /** Whether clients leave and come back; they stay where absent. */
  readonly churn?: boolean;
}

export function stepArbitrary({
  losses,
  cancels,
  relays = false,
  churn = false,
}: Disturbances): fc.Arbitrary<Step> {
  const dies = losses ? rarely : never;
  const step = <T extends Step>(weight: number, arbitrary: fc.Arbitrary<T>) => ({ weight, arbitrary });
  const kinds: { readonly weight: number; readonly arbitrary: fc.Arbitrary<Step> }[] = [
    step(6, fc.record({ kind: fc.constant("deliver"), pick, stale: rarely, dies })),
    step(
      8,
      fc.record({
        kind: fc.constant("deliver-one"),
        of: fc.constantFrom(
          ...([
            "close-round",
            ...(relays ? (["pass-on", "pass-on"] as const) : []),
            "invoke",
            "invoke",
            "invoke",
            "aggregate",
            "evaluate",
            "sweep",
            "prewarm",
          ] as const),
        ),
        pick,
        stale: rarely,
        dies,
      }),
    ),
    step(
      4,
      fc.record({
        kind: fc.constant("report"),
        pick,
        result: fc.constantFrom("update", "update", "update", "bad-update", "failure"),
        stale: sometimes,
        twice: rarely,
        dies,
      }),
    ),
    step(12, fc.record({ kind: fc.constant("work"), pick, dies })),
    step(
      1,
      fc.record({
        kind: fc.constant("operate"),
        action: fc.constantFrom("start", "trigger", "pause", "resume", "start", "trigger"),
        dies,
      }),
    ),
    step(1, fc.record({ kind: fc.constant("watch") })),
    step(1, fc.record({ kind: fc.constant("wait"), ms: fc.nat({ max: 700_000 }) })),
  ];
  if (losses) {
    kinds.push(
      step(1, fc.record({ kind: fc.constant("client-dies"), pick, uploads: sometimes })),
      step(1, fc.record({ kind: fc.constant("purge"), pick: fc.option(pick, { freq: 3, nil: null }) })),
    );
  }
  if (churn) kinds.push(step(2, fc.record({ kind: fc.constant("come-or-go"), pick })));
  if (cancels) {
    kinds.push(step(1, fc.record({ kind: fc.constant("operate"), action: fc.constant("cancel"), dies })));
  }
  return fc.oneof(...kinds);
}

/** The parts of a spec that the protocol turns on, as a caller writes them. */
export const plainSpecArbitrary = fc
  .record({
    cohortSize: fc.integer({ min: 1, max: 4 }),
    minUpdates: fc.integer({ min: 1, max: 3 }),
    quorum: fc.constantFrom(0.4, 0.7, 1),
    maxRounds: fc.constantFrom(0, 1, 2, 2),
    seed: fc.nat({ max: 3 }),
    // A round of three that all report costs about 0.0007 USD; one whose clients are lost, twenty times that.
    budgetUsd: fc.constantFrom(undefined, undefined, 0.0004, 0.0012, 0.02),
  })
  .map(({ cohortSize, minUpdates, quorum, maxRounds, seed, budgetUsd }) => ({
    selection: { strategy: "random", cohortSize },
    round: { minUpdates: Math.min(minUpdates, cohortSize), quorum },
    aggregation: { staleness: { weight: "paper", maxRounds } },
    stop: { rounds: 6, ...(budgetUsd === undefined ? {} : { budgetUsd }) },
    seed,
  }));

/** Asynchronous runs: rounds that close with some updates of whichever round. */
export function bufferedSpecArbitrary(rounds: number): fc.Arbitrary<Partial<Record<keyof RunSpec, unknown>>> {
  return fc
    .record({
      plain: plainSpecArbitrary,
      strategy: fc.constantFrom("random", "fedlesscan"),
      size: fc.integer({ min: 1, max: 3 }),
      maxRounds: fc.constantFrom(0, 1, 2, 40, 100),
    })
    .map(({ plain, strategy, size: most, maxRounds }) => {
      const { cohortSize } = plain.selection;
      const size = Math.min(most, cohortSize);
      return {
        ...plain,
        selection: { cohortSize, strategy },
        round: { minUpdates: Math.min(plain.round.minUpdates, size), buffer: { size } },
        aggregation: { staleness: { weight: "polynomial", maxRounds } },
        stop: { ...plain.stop, rounds },
      };
    });
}

/** Tiers that do not wait for each other. */
export function tieredSpecArbitrary(rounds: number): fc.Arbitrary<Partial<Record<keyof RunSpec, unknown>>> {
  return fc
    .record({
      plain: plainSpecArbitrary,
      cohortSize: fc.integer({ min: 3, max: 6 }),
      tiers: fc.integer({ min: 2, max: 3 }),
      maxRounds: fc.constantFrom(0, 1, 2, 40, 100),
    })
    .map(({ plain, cohortSize, tiers, maxRounds }) => ({
      ...plain,
      selection: { cohortSize, strategy: "random" },
      round: {},
      aggregation: { strategy: "fedat", tiers, staleness: { weight: "constant", maxRounds } },
      stop: { ...plain.stop, rounds },
    }));
}

/** Relays: groups of two or three, in which one client after the other is at work. */
export function relaySpecArbitrary(rounds: number): fc.Arbitrary<Partial<Record<keyof RunSpec, unknown>>> {
  return fc
    .record({
      plain: plainSpecArbitrary,
      cohortSize: fc.integer({ min: 1, max: 7 }),
      strategy: fc.constantFrom("random", "fedlesscan"),
      groupSize: fc.integer({ min: 2, max: 4 }),
      relay: fc.constantFrom("chain"),
    })
    .map(({ plain, cohortSize, strategy, groupSize, relay }) => ({
      ...plain,
      selection: { cohortSize, strategy },
      round: {
        minUpdates: Math.min(plain.round.minUpdates, cohortSize),
        relay: { strategy: relay, groupSize },
      },
      stop: { ...plain.stop, rounds },
    }));
}

/** With what a scheduler may do on top: clusters, spares, deadlines of its own, clients woken ahead. */
export function specArbitrary(rounds: number): fc.Arbitrary<Partial<Record<keyof RunSpec, unknown>>> {
  return fc
    .record({
      plain: plainSpecArbitrary,
      strategy: fc.constantFrom("random", "fedlesscan"),
      overSelect: fc.constantFrom({}, {}, { overSelect: 0.5 }),
      deadline: fc.constantFrom("fixed", "fixed", "adaptive"),
      prewarm: fc.constantFrom({}, { prewarm: { idleSeconds: 0 } }, { prewarm: { idleSeconds: 300 } }),
    })
    .map(({ plain, strategy, overSelect, deadline, prewarm }) => ({
      ...plain,
      selection: { ...plain.selection, ...overSelect, strategy },
      round: { ...plain.round, ...prewarm, deadline: { kind: deadline } },
      stop: { ...plain.stop, rounds },
    }));
}

export const BEGIN: readonly Step[] = [
  { kind: "deliver", pick: 0, stale: false, dies: false },
  { kind: "operate", action: "start", dies: false },
];

export const CLIENT_IDS: readonly string[] = Array.from("abcdefghij");

/** Sequences of a quarter of this length to all of it. */
export function stepsArbitrary(disturbances: Disturbances, maxLength: number) {
  return fc.array(stepArbitrary(disturbances), {
    minLength: Math.floor(maxLength / 4),
    maxLength,
    size: "max",
  });
}
