// Rules on training methods whose clients keep a part of what the server keeps the other part of.
import * as z from "zod";
import type { SpecFacts, SpecProblem } from "../face.ts";

/** A training method, and the aggregations that keep the server's part of it: none works without the other. */
interface Pair {
  readonly training: string;
  readonly aggregations: readonly string[];
}

export const scaffoldPair: Pair = { training: "scaffold", aggregations: ["scaffold-server"] };
export const feddynPair: Pair = { training: "feddyn", aggregations: ["feddyn-server", "feddyn-bounded"] };

/** What is wrong with a spec that names one side of a pair without the other. */
export function pairProblems({ training, aggregation }: SpecFacts, pair: Pair): readonly SpecProblem[] {
  const trains = training.method === pair.training;
  const folds = pair.aggregations.includes(aggregation.strategy);
  if (trains === folds) return [];
  return [
    trains
      ? {
          path: ["aggregation", "strategy"],
          message: `must be ${pair.aggregations.join(" or ")} for training.method ${pair.training}: it keeps the server's part of it`,
        }
      : {
          path: ["training", "method"],
          message: `must be ${pair.training} for aggregation.strategy ${aggregation.strategy}: its clients send what it needs`,
        },
  ];
}

/** What is wrong with layers of the clients' own, beside a method that works with all of them. */
export function localProblems({ training }: SpecFacts): readonly SpecProblem[] {
  if (training["local"] === undefined) return [];
  const message = `cannot be had with training.method ${training.method}, which corrects all layers by what is common to all clients: leave it out`;
  return [{ path: ["training", "local"], message }];
}

/** Of methods whose server keeps the mean of what clients keep. */
export const recovery = z
  .number()
  .min(0)
  .max(1)
  .default(0.1)
  .describe(
    "How fast the server forgets what does not agree with its clients any more, because an update or a client's state was lost: this share, times the share of the clients in a round, in each round. 0 never forgets, as in the paper.",
  );
