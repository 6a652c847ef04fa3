// Everything impure that the aggregator uses, in one record.
import { connectPlatform, type Platform } from "../../shared/cloud/connect.ts";
import type { AggregatorEnv } from "./env.ts";

export interface AggregatorDeps extends Platform {
  /** What this function's instance has, to compute what its work costs. */
  readonly capacity: { readonly memoryMib: number; readonly vcpu: number };
}

export function connect(env: AggregatorEnv): AggregatorDeps {
  const capacity = { memoryMib: env.MEMORY_MIB, vcpu: env.VCPU };
  return { ...connectPlatform(env, "aggregator"), capacity };
}
