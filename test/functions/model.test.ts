// The sequences that the state machine is checked with, played on the functions: the real handlers, on the
// embedded Firestore, come to the same states as the pure world.
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildSpec, T0 } from "../support/builders.ts";
import { accountOf } from "../support/scriptedClient.ts";
import { runs } from "../support/tier.ts";
import type { Documents } from "../unit/round/invariants.ts";
import { DECISIONS, type Decisions } from "../unit/round/world/decisions.ts";
import {
  BEGIN,
  bufferedSpecArbitrary,
  CLIENT_IDS,
  type Step,
  specArbitrary,
  stepArbitrary,
} from "../unit/round/world/steps.ts";
import { type Act, World } from "../unit/round/world.ts";
import { describeUpdate, MODEL, type ModelCloud, startModelCloud } from "./model/cloud.ts";
import { compareDocuments, compareEverything } from "./model/compare.ts";
import { HeldQueue } from "./model/heldQueue.ts";
import { MemoryBucket } from "./model/memoryBucket.ts";
import { PAUSES, RunOnFunctions } from "./model/runOnFunctions.ts";

/**
 * The documents are compared after every so many acts, and at the end; where functions stop and what waits,
 * after each.
 */
const ACTS_A_LOOK = 5;

let cloud: ModelCloud;

beforeAll(async () => {
  cloud = await startModelCloud();
  const queue = new HeldQueue();
  for (const clientId of CLIENT_IDS) {
    const answer = await cloud.call("api", {
      path: "/v1/clients",
      body: { clientId, url: `https://${clientId}.example.org/`, serviceAccount: accountOf(clientId) },
      as: "operator",
      nowMs: () => T0,
      hands: cloud.handsOn(queue, new MemoryBucket()),
      dispatchMissing: cloud.missingOn(queue, () => T0),
    });
    expect(answer.status).toBe(201);
  }
});

afterAll(() => cloud.stop());

interface Frame {
  readonly act: Act;
  readonly atMs: number;
  /** The documents before the act that came before this one, before this one, and after it. */
  readonly earlier: Documents;
  readonly before: Documents;
  readonly after: Documents;
  readonly tasks: readonly string[];
}

/** What the pure world makes of the steps and, where it is to settle, of what is left then. */
function framesOf(world: World, steps: readonly Step[], settles: boolean): readonly Frame[] {
  const frames: Frame[] = [];
  let [earlier, before] = [world.documents(), world.documents()];
  const add = (act: Act) => {
    const after = world.documents();
    frames.push({ act, atMs: world.atMs, earlier, before, after, tasks: world.tasks() });
    [earlier, before] = [before, after];
  };
  for (const step of steps) add(world.perform(step));
  if (settles) expect(world.settle(add)).toBe(true);
  return frames;
}

interface Play {
  readonly settles?: boolean;
  /** Decisions that the pure world takes otherwise than the product. */
  readonly decide?: Partial<Decisions>;
}

/** Fails with the first act that the functions make something else of than the pure world. */
async function playOnBoth(
  parts: Record<string, unknown>,
  steps: readonly Step[],
  { settles = true, decide = {} }: Play = {},
): Promise<void> {
  const spec = buildSpec(parts);
  const onFunctions = new RunOnFunctions(cloud);
  const { queue, objects } = onFunctions;
  const runId = await onFunctions.create(spec);
  const ours = { runId, model: MODEL, describeUpdate };
  const world = new World({ spec, clientIds: CLIENT_IDS, decide, pauses: PAUSES, ...ours });
  const frames = framesOf(world, [...BEGIN, ...steps], settles);
  let compared: Documents | null = null;
  try {
    for (const [index, { act, atMs, earlier, before, after, tasks }] of frames.entries()) {
      if (act.kind === "nothing") continue;
      try {
        const stopsAt = await onFunctions.perform(act, atMs, before, earlier);
        if ("stopsAt" in act) expect(stopsAt).toBe(act.stopsAt);
        expect(queue.names().toSorted()).toEqual(tasks.toSorted());
        if (index % ACTS_A_LOOK !== 0) continue;
        await compareDocuments(cloud.store, objects, compared, after);
        compared = after;
      } catch (cause) {
        const why = cause instanceof Error ? cause.message : String(cause);
        throw new Error(`act ${index}, ${JSON.stringify(act)}: ${why}`, { cause });
      }
    }
    await compareEverything(cloud.store, objects, world.documents());
  } finally {
    await onFunctions.stop();
  }
}

const stepsUpTo = (maxLength: number, cancels: boolean) =>
  fc.array(stepArbitrary({ losses: true, cancels }), { minLength: maxLength / 2, maxLength, size: "max" });

/** Fewer than in the unit tests: every act is a handful of calls. */
const ROUNDS = 3;

const inEveryOrder = (play: Play = {}) =>
  fc.asyncProperty(specArbitrary(ROUNDS), stepsUpTo(40, false), (parts, steps) =>
    playOnBoth(parts, steps, play),
  );

describe("the functions come to the states of the pure state machine", () => {
  it("in every order of events, and at the end of the run", async () => {
    await fc.assert(inEveryOrder(), { seed: 1, numRuns: runs(8), endOnFailure: true });
  }, 120_000);

  it("at any moment of a run", async () => {
    await fc.assert(inEveryOrder({ settles: false }), { seed: 2, numRuns: runs(16), endOnFailure: true });
  }, 120_000);

  it("and when an operator cancels the run", async () => {
    const property = fc.asyncProperty(
      specArbitrary(ROUNDS),
      stepsUpTo(40, true),
      stepsUpTo(16, true),
      (parts, some, rest) =>
        playOnBoth(parts, [...some, { kind: "operate", action: "cancel", dies: false }, ...rest]),
    );
    await fc.assert(property, { seed: 3, numRuns: runs(16), endOnFailure: true });
  }, 120_000);
});

describe("the functions come to the states of the pure state machine with buffered rounds", () => {
  it("in every order of events, and at the end of the run", async () => {
    const property = fc.asyncProperty(bufferedSpecArbitrary(ROUNDS), stepsUpTo(40, false), (parts, steps) =>
      playOnBoth(parts, steps),
    );
    await fc.assert(property, { seed: 4, numRuns: runs(12), endOnFailure: true });
  }, 120_000);

  it("at any moment of a run, cancelled or not", async () => {
    const property = fc.asyncProperty(bufferedSpecArbitrary(ROUNDS), stepsUpTo(40, true), (parts, steps) =>
      playOnBoth(parts, steps, { settles: false }),
    );
    await fc.assert(property, { seed: 5, numRuns: runs(16), endOnFailure: true });
  }, 120_000);
});

const next = (of: "open-round" | "invoke" | "aggregate"): Step => ({
  kind: "deliver-one",
  of,
  pick: 0,
  stale: false,
  dies: false,
});
const reports = (dies = false): Step => ({
  kind: "report",
  pick: 0,
  result: "update",
  stale: false,
  twice: false,
  dies,
});
/** Of the functions at work, the first goes on, or the second. */
const goesOn = (pick: 0 | 1, times: number): readonly Step[] =>
  Array.from({ length: times }, () => ({ kind: "work", pick, dies: false }));
const invited = [next("open-round"), next("invoke"), next("invoke")];
const reported = [...invited, reports(), reports()];

/** Of two clients a round, whose updates are of use to no later one. */
const SELDOM: readonly [what: string, steps: readonly Step[]][] = [
  ["the last report of a round dies before it can close it", [...invited, reports(), reports(true)]],
  [
    "an attempt dies that has uploaded, and its update is removed once its round is out of reach",
    [...invited, { kind: "client-dies", pick: 0, uploads: true }, next("invoke"), reports(), reports()],
  ],
  [
    "an aggregator stalls before its marks while others finish its round and the next one",
    [
      ...reported,
      ...[next("aggregate"), ...goesOn(0, 3)],
      ...[next("aggregate"), ...goesOn(1, 3)],
      ...[...reported, next("aggregate"), ...goesOn(1, 6)],
      ...goesOn(0, 3),
    ],
  ],
];

it.each(SELDOM)("the same comes of what chance seldom finds: %s", async (_what, steps) => {
  const selection = { strategy: "random", cohortSize: 2 };
  const aggregation = { staleness: { weight: "constant", maxRounds: 0 } };
  await playOnBoth({ selection, aggregation, stop: { rounds: ROUNDS } }, steps);
});

const { claim, closeRound, control, foldRound, publish, recordEvaluation } = DECISIONS;

/** What the functions would be caught at, were they to decide so: here it is the pure world that does. */
const OTHERWISE: readonly [what: string, decide: Partial<Decisions>][] = [
  [
    "a pause changes nothing",
    {
      control: (run, action, nowMs) =>
        action === "pause" ? { run, commands: [] } : control(run, action, nowMs),
    },
  ],
  [
    "a claim makes no attempt of its own",
    {
      claim: (...all) => {
        const verdict = claim(...all);
        if (verdict.kind === "over") return verdict;
        return { ...verdict, invocation: { ...verdict.invocation, attempt: 1 } };
      },
    },
  ],
  [
    "a quorum closes nothing",
    {
      closeRound: (round, spec, ...rest) =>
        closeRound(round, { ...spec, round: { ...spec.round, quorum: 1 } }, ...rest),
    },
  ],
  ["the watchdog sees nothing", { expectedCommands: () => [] }],
  [
    "a round costs nothing",
    {
      publish: (...all) => {
        const published = publish(...all);
        return published === null ? null : { ...published, round: { ...published.round, costUsd: 0 } };
      },
    },
  ],
  [
    "the roster learns nothing",
    { foldRound: (shard, ...rest) => ({ ...foldRound(shard, ...rest), clients: shard.clients }) },
  ],
  [
    "a run does not learn its score",
    { recordEvaluation: (run, ...rest) => ({ ...recordEvaluation(run, ...rest), run }) },
  ],
];

it.each(OTHERWISE)(
  "a difference is seen: %s",
  async (_what, decide) => {
    const { errorInstance } = await fc.check(inEveryOrder({ decide }), {
      seed: 1,
      numRuns: 14,
      endOnFailure: true,
    });
    expect(String(errorInstance)).toMatch(/^Error: act \d+, .*: expected /);
  },
  120_000,
);
