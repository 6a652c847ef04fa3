// The options of the demo.
import { FlError } from "../../../shared/core/errors.ts";
import type { AggregationOptions } from "../../../shared/core/methods/aggregation/options.ts";
import { aggregationFaces } from "../../../shared/core/methods/registry/aggregationFaces.ts";
import { selectionFaces } from "../../../shared/core/methods/registry/selectionFaces.ts";
import type { SelectionOptions } from "../../../shared/core/methods/selection/options.ts";
import { type EncodingName, encodingNames } from "../../../shared/core/methods/update/encodings.ts";
import type { BoxOptions } from "../../box/box.ts";
import type { ResultPlace } from "../resultPlace.ts";

export type StrategyName = SelectionOptions["strategy"];
export const STRATEGY_NAMES: readonly StrategyName[] = selectionFaces.map(({ name }) => name);

type AggregationName = AggregationOptions["strategy"];
/** Those that go with plain training, which is the demo's. */
export const AGGREGATION_NAMES: readonly AggregationName[] = aggregationFaces.flatMap((face) =>
  "needsTraining" in face ? [] : [face.name],
);
export const ENCODING_NAMES: readonly EncodingName[] = encodingNames;

export interface DemoOptions {
  /** At least one; several are compared: one run after another, each in a local cloud of its own. */
  readonly strategy: readonly StrategyName[];
  readonly rounds: number;
  readonly clients: number;
  readonly cohort: number;
  /** Share of the clients that crash or are slow, half of each; absent: one in ten is slow, one crashes. */
  readonly stragglers?: number;
  /** Whether each client has a function of its own; else one trains for all of them. */
  readonly ownFunctions: boolean;
  readonly seed: number;
  /** FedAvg where absent. */
  readonly aggregation?: AggregationName;
  /** f32 where absent. */
  readonly encoding?: EncodingName;
  /** Share of its data that each client scores versions on, from 0.01 to 0.5; none does where absent. */
  readonly validation?: number;
  readonly keep: boolean;
  /** Where what came of it goes, beside what a person sees. */
  readonly result: ResultPlace;
  readonly firestore: BoxOptions["firestore"];
  /** Keeps everything, so that the demo goes on after an interruption; absent: nothing is kept. */
  readonly data?: string;
}

/** @throws FlError("invalid-argument") for options that do not go together. */
export function checkDemoOptions({ strategy, keep, data }: DemoOptions): void {
  if (strategy.length > 1 && (keep || data !== undefined)) {
    throw new FlError("invalid-argument", "--keep and --data are for one --strategy, not for several.");
  }
}
