// A scenario: who the clients are, how they behave and what is asked of them. Data files in ../scenarios,
// checked here.
import * as z from "zod";
import { Capacity, LabelName, LabelValue } from "../../../shared/core/schemas/client.ts";
import { Attack } from "../population/attacks.ts";

const share = z.number().min(0).max(1);

/** Who attacks, and how; with training only, because an attack is one of updates. */
export const ScenarioAttack = Attack.extend({
  share: share.describe("Of the clients, those that attack; drawn from the seed."),
});
export type ScenarioAttack = z.infer<typeof ScenarioAttack>;

const seconds = z.number().min(0).max(86_400);
/** Sigma of the logarithm: 0 is no spread, 0.1 about ten per cent. */
const spread = z.number().min(0).max(3);
const wholeCount = z.number().int().min(0);

/** A value for each straggler level that has one of its own, by the level as text: "0", "0.1", "0.3". */
const byLevel = <T extends z.ZodType>(value: T) => z.record(z.string().regex(/^(0(\.\d+)?|1)$/), value);

const Work = z.strictObject({
  seconds: seconds.describe("Median of an invocation's work, without the cold start."),
  clientSpread: spread.describe("How much clients differ for good: hardware, amount of data."),
  callSpread: spread.describe("How much the calls of one client differ."),
  hiccups: z
    .strictObject({ probability: share, factor: z.tuple([z.number().min(1), z.number().min(1)]) })
    .default({ probability: 0, factor: [1, 1] })
    .describe("Calls that the platform or the network holds up: how likely, and how much longer they last."),
  proximalFactor: z.number().min(1).max(10).default(1).describe("How much longer FedProx's term makes it."),
});

const ColdStart = z.strictObject({
  seconds,
  spread: spread.default(0),
  idleSeconds: seconds.default(600).describe("An instance without a call for so long is gone."),
});

/** How the drawn stragglers divide into kinds; shares sum to 1. */
const Stragglers = z
  .strictObject({ crash: share.default(0), slow: share.default(0), flaky: share.default(0) })
  .refine(({ crash, slow, flaky }) => Math.abs(crash + slow + flaky - 1) < 1e-9, "the shares must sum to 1");

/**
 * `fails`: the call answers with an error at once. `dies`: it ends without a word, after a share of its work.
 */
const CrashManner = z.enum(["fails", "dies"]);

/** `fails` as above; `never-ends`: the platform ends it at its function's time-out. */
const FailureManner = z.enum(["fails", "never-ends"]);

const numbers = z.array(z.number().nullable());

/** One number for each of `levels`; null where it is not known. */
const Measured = z.strictObject({
  eur: numbers.optional(),
  timeMinutes: numbers.optional(),
  costUsd: numbers.optional(),
  accuracy: numbers.optional(),
});
export type Measured = z.infer<typeof Measured>;

/** Published figures. */
const Published = z.strictObject({
  source: z.string(),
  levels: z.array(share),
  strategies: z.record(z.string(), Measured),
  otherwise: Measured.optional().describe("Beside every other strategy."),
});
export type Published = z.infer<typeof Published>;

const Training = z.strictObject({
  model: z.string().default("mnist-cnn"),
  dataset: z.enum(["fashion-mnist"]),
  shardsPerClient: z.number().int().min(1).default(2),
  samplesPerClient: z.number().int().min(1),
  testSamples: z.number().int().min(1),
  /** The `training` of the run's spec. */
  spec: z.record(z.string(), z.unknown()).default({}),
});
export type ScenarioTraining = z.infer<typeof Training>;

export const Scenario = z
  .strictObject({
    description: z.string(),
    clients: z.number().int().min(1).max(10_000_000),
    cohortSize: z.number().int().min(1).max(100_000),
    rounds: z.number().int().min(1).max(9_999),
    roundsAt: byLevel(z.number().int().min(1).max(9_999)).default({}),
    deadlineSeconds: seconds,
    maxStaleness: wholeCount.default(2),
    capacity: Capacity.prefault({}),
    labels: z
      .record(
        LabelName,
        z
          .record(LabelValue, share)
          .refine(
            (shares) => Object.values(shares).reduce((sum, part) => sum + part, 0) <= 1 + 1e-9,
            "the shares of a label's values must not exceed 1 together",
          ),
      )
      .default({})
      .describe("Of each label the values, and the share of the clients that is drawn to have each."),
    work: Work,
    coldStart: ColdStart,
    stragglers: Stragglers,
    crash: z.strictObject({ manner: CrashManner, afterShare: share.default(0.5) }),
    slowFactor: z.tuple([z.number().min(1), z.number().min(1)]).default([3, 6]),
    flakyProbability: share.default(0.3).describe("That a call of a flaky client dies."),
    unwell: z
      .strictObject({ at: byLevel(wholeCount), manner: FailureManner })
      .default({ at: {}, manner: "fails" })
      .describe("Clients beside the stragglers that never bring an update, how many at which level."),
    failures: z
      .strictObject({ probability: share, at: byLevel(share).default({}), manner: FailureManner })
      .default({ probability: 0, at: {}, manner: "fails" })
      .describe("Calls of any client that bring no update: how likely, and at which level otherwise."),
    availability: z
      .strictObject({ periodSeconds: seconds, onlineShare: share })
      .optional()
      .describe(
        "Every client can be reached for a share of the period, which begins at a moment of its own.",
      ),
    attack: ScenarioAttack.optional(),
    attempts: z
      .number()
      .int()
      .min(1)
      .max(10)
      .default(3)
      .describe("Deliveries of a call that does not answer."),
    retrySeconds: seconds.default(2),
    dispatchSeconds: seconds.default(0.05).describe("From opening a round to a call's arrival."),
    aggregateSeconds: seconds.default(5),
    accounting: z.enum(["published", "platform"]),
    accountedTimeoutSeconds: seconds.optional().describe("What a round with a failure costs, as published."),
    /** Parts of a run's spec, laid over what the rest of the scenario says; not in a paper-faithful run. */
    spec: z.record(z.string(), z.unknown()).default({}),
    training: Training.optional(),
    published: Published.optional(),
  })
  .refine(({ clients, cohortSize }) => cohortSize <= clients, "cohortSize must not exceed clients");
export type Scenario = z.infer<typeof Scenario>;

/** What was measured of a strategy at a level, or null. */
export function measuredAt(
  published: Published | undefined,
  strategy: string,
  level: number,
  measure: keyof Measured,
): number | null {
  const named = published?.strategies ?? {};
  const measured = Object.hasOwn(named, strategy) ? named[strategy] : published?.otherwise;
  return measured?.[measure]?.[published?.levels.indexOf(level) ?? -1] ?? null;
}

/** The value for a straggler level, or what holds for all others. */
export function atLevel<T>(values: Readonly<Record<string, T>>, level: number, otherwise: T): T {
  return values[String(level)] ?? otherwise;
}
