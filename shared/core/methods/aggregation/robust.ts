// What the robust aggregations have in common. Their weights are not the clients' to choose: samples are
// claimed, not measured.
import * as z from "zod";
import type { SpecFacts, SpecProblem } from "../face.ts";

export const lateRule = z
  .enum(["exclude", "count"])
  .default("exclude")
  .describe(
    "Updates of earlier rounds: left out, because age alone makes them outliers, or counted as any other.",
  );

const malicious = z
  .number()
  .int()
  .min(1)
  .max(499)
  .describe("Updates of a round that may be bad, whatever they hold: count owners, not clients.");

export const maxMalicious = malicious.default(1);

/** For rules that can do without it. */
export const mostMalicious = malicious
  .optional()
  .describe(
    "Updates of a round that may be bad: a round that gets too few others for that carries the model over. Where samples count, none then counts for so much that these could be a majority. Needed for nnm; where absent the rule takes what comes.",
  );

export const before = z
  .discriminatedUnion("step", [
    z.strictObject({ step: z.literal("none").describe("The rule sees the updates as they are.") }),
    z.strictObject({
      step: z
        .literal("bucketing")
        .describe(
          "It sees means of random groups, drawn from the run's seed and the round: helps where clients' data differ, and takes fewer bad updates.",
        ),
      size: z.number().int().min(2).max(100).default(2).describe("Updates a group, at most."),
    }),
    z.strictObject({
      step: z
        .literal("nnm")
        .describe(
          "It sees in the place of each update the mean of those nearest to it, without maxMalicious.",
        ),
    }),
  ])
  .default({ step: "none" })
  .describe("What becomes of the updates before the rule sees them.");

/** What the options of robust rules have in common. */
export interface RobustOptions {
  readonly before: z.infer<typeof before>;
  readonly maxMalicious?: number | undefined;
  readonly late: z.infer<typeof lateRule>;
}

/** How the groups are made whose means a rule sees. */
export type MixingRule =
  | Exclude<z.infer<typeof before>, { step: "nnm" }>
  | { readonly step: "nnm"; readonly maxMalicious: number };

/**
 * Fewest updates that a rule can fold which needs `rows` rows: as many as make those rows, and more good ones
 * than bad.
 */
function leastMixed(rows: number, { before, maxMalicious = 0 }: RobustOptions): number {
  if (before.step === "bucketing") return (rows - 1) * before.size + 1;
  return before.step === "nnm" ? Math.max(rows, leastWith({ maxMalicious })) : rows;
}

/** Fewest of which those that may be bad are a minority; 1 where it is not said how many may be. */
export function leastWith({ maxMalicious = 0 }: Pick<RobustOptions, "maxMalicious">): number {
  return 2 * maxMalicious + 1;
}

/** What the behaviours of robust rules have in common. */
export function robustBehaviour<Options extends RobustOptions>(rows: (options: Options) => number) {
  return {
    least: (options: Options) => leastMixed(rows(options), options),
    leavesOutLate: ({ late }: Options) => late === "exclude",
    mixing: ({ before, maxMalicious = 0 }: Options): MixingRule =>
      before.step === "nnm" ? { step: "nnm", maxMalicious } : before,
  };
}

/**
 * The problems of a round that may be folded with fewer updates than a rule can do with, be it that a relay
 * makes one of many, and of a step before it that lacks an option.
 *
 * @param rows fewest that the rule itself needs. @param why it does.
 */
export function robustProblems(
  { round, aggregation }: SpecFacts,
  options: RobustOptions,
  rows: number,
  why: string,
): readonly SpecProblem[] {
  const { before, maxMalicious } = options;
  if (before.step === "nnm" && maxMalicious === undefined) {
    const message = "is needed for nnm: say how many updates of a round may be bad";
    return [{ path: ["aggregation", "maxMalicious"], message }];
  }
  const mixed = leastMixed(rows, options);
  // Of a relay the aggregation gets one model a group.
  const { groupSize } = round.relay ?? { groupSize: 1 };
  const least = (mixed - 1) * groupSize + 1;
  if (round.minUpdates >= least) return [];
  const more =
    before.step === "bucketing" && rows > 1
      ? `, and it sees one row for ${before.size} updates`
      : mixed > rows
        ? ", and those that nnm finds nearest must be a majority"
        : "";
  const grouped = groupSize > 1 ? `, and a group of up to ${groupSize} clients makes one` : "";
  const message = `must be at least ${least} for aggregation.strategy ${aggregation.strategy}: ${why}${more}${grouped}`;
  return [{ path: ["round", "minUpdates"], message }];
}

const MINORITY = "fewer than half of them may be malicious";

/** The problems of a rule that holds as long as fewer than half of the updates are bad. */
export function minorityProblems(spec: SpecFacts, options: RobustOptions): readonly SpecProblem[] {
  return robustProblems(spec, options, leastWith(options), MINORITY);
}

/** Fewest that a median takes: of two, one bad update can move it anywhere. */
export function leastOfMedian(options: Pick<RobustOptions, "maxMalicious">): number {
  return Math.max(3, leastWith(options));
}

/** The problems of a rule that takes medians of single coordinates. */
export function medianProblems(spec: SpecFacts, options: RobustOptions): readonly SpecProblem[] {
  const rows = leastOfMedian(options);
  return robustProblems(
    spec,
    options,
    rows,
    rows === 3 ? "the median of two updates is their mean" : MINORITY,
  );
}
