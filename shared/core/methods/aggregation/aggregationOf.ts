// Finds an aggregation's behaviour.
import { aggregationBehaviours } from "../registry/aggregation.ts";
import type { AggregationMethod } from "./aggregationMethod.ts";
import type { AggregationOptions } from "./options.ts";

type Methods = {
  readonly [Name in AggregationOptions["strategy"]]: AggregationMethod<
    Extract<AggregationOptions, { strategy: Name }>
  >;
};

const methods: Methods = aggregationBehaviours;

/** The method that these options are of; it takes no others. */
export function aggregationOf({ strategy }: AggregationOptions): AggregationMethod<AggregationOptions> {
  return methods[strategy] as AggregationMethod<AggregationOptions>;
}

/** Fewest updates that a version can be made of. */
export function leastUpdates(options: AggregationOptions): number {
  return aggregationOf(options).least?.(options) ?? 1;
}
