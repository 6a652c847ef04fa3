// Everything impure that the aggregator uses, in one record.
import { coldStartOnce, type Metered } from "../../shared/cloud/callCost.ts";
import { connectPlatform, type Platform } from "../../shared/cloud/connect.ts";
import type { AggregatorEnv } from "./env.ts";

export interface AggregatorDeps extends Platform, Metered {}

export function connect(env: AggregatorEnv, coldStartMs: number): AggregatorDeps {
  const capacity = { memoryMib: env.MEMORY_MIB, vcpu: env.VCPU };
  return { ...connectPlatform(env, "aggregator"), capacity, takeColdStart: coldStartOnce(coldStartMs) };
}
