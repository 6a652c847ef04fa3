// The estimate of a run before it starts: time and cost as ranges, item by item, and what they are made from.
import * as z from "zod";

/** Quantiles over the simulated runs. */
export const EstimateRange = z
  .strictObject({
    p10: z.number().min(0).describe("One in ten runs is expected below it."),
    p50: z.number().min(0),
    p90: z.number().min(0).describe("One in ten runs is expected above it."),
  })
  .meta({ id: "EstimateRange" });
export type EstimateRange = z.infer<typeof EstimateRange>;

/** What a run pays for, in the order in which it is shown. */
export const ESTIMATE_ITEMS = [
  "clientTraining",
  "coldStarts",
  "prewarm",
  "aggregation",
  "evaluation",
  "coordinator",
  "preparation",
  "firestore",
  "storage",
  "tasks",
  "egress",
] as const;
export type EstimateItemName = (typeof ESTIMATE_ITEMS)[number];

/**
 * run: seen in a run · check: found by checks of the clients · others: taken from what other clients are
 * like · model: arithmetic on the model, and a rate · option: said with the question · default: a usual
 * value.
 */
export const EstimateBasis = z.enum(["run", "check", "others", "model", "option", "default"]);
export type EstimateBasis = z.infer<typeof EstimateBasis>;

export const Estimate = z
  .strictObject({
    name: z.string().describe("Of the spec."),
    rounds: z.int().min(1).describe("That the spec asks for."),
    seeds: z.int().min(1).describe("Simulated runs that the quantiles are over."),
    wallSeconds: EstimateRange.describe("From its start until the last round is closed."),
    usd: EstimateRange.describe("All items that are known, together."),
    chargedUsd: EstimateRange.describe(
      "The part that the run itself counts as its cost, and compares with stop.budgetUsd: time of functions.",
    ),
    completedRounds: EstimateRange,
    eur: EstimateRange.nullable().describe(
      "Updates in time ÷ clients invited; null where no round was closed.",
    ),
    budget: z
      .strictObject({
        usd: z.number(),
        chance: z.number().min(0).max(1).describe("That it ends the run before the last round."),
      })
      .nullable()
      .describe("Null where the spec has none."),
    stalled: z
      .number()
      .min(0)
      .max(1)
      .describe(
        "Share of the simulated runs that could open no further round, and stopped before their end.",
      ),
    items: z.array(
      z.strictObject({
        item: z.enum(ESTIMATE_ITEMS),
        usd: EstimateRange.nullable().describe("Null: not known, and in no sum."),
        amount: z.string().describe("How much of what, in words."),
      }),
    ),
    memory: z.array(
      z.strictObject({
        function: z.enum(["aggregator", "evaluator", "client"]),
        neededMib: z.number().describe("For the model alone, at the least."),
        availableMib: z.number().nullable().describe("Null: not known."),
        ok: z.boolean().nullable(),
      }),
    ),
    clients: z
      .strictObject({
        total: z.int().min(0),
        basis: z.partialRecord(EstimateBasis, z.int()).describe("How many of them are known from what."),
      })
      .describe("Those that the run may invite."),
    madeFrom: z
      .array(z.strictObject({ what: z.string(), basis: EstimateBasis, note: z.string() }))
      .describe("What the simulation was given, and where that is from."),
    uncertainty: z.array(z.string()).describe("What the ranges allow for."),
    unknown: z.array(z.string()).describe("What belongs to it and is not known: it is in no figure."),
    notIncluded: z.array(z.string()),
    prices: z.strictObject({ name: z.string(), asOf: z.string(), source: z.string() }),
  })
  .meta({ id: "Estimate" });
export type Estimate = z.infer<typeof Estimate>;
