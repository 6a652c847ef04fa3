// Everything impure that the coordinator uses, in one record.
import { coldStartOnce, type Metered } from "../../shared/cloud/callCost.ts";
import { connectPlatform, type Platform } from "../../shared/cloud/connect.ts";
import type { Calls, DispatchMissing } from "../../shared/cloud/dispatch.ts";
import type { CoordinatorEnv } from "./env.ts";

export interface CoordinatorDeps extends Platform, Metered {
  readonly dispatchMissing: DispatchMissing;
  readonly calls: Calls;
}

export function connect(env: CoordinatorEnv, coldStartMs: number): CoordinatorDeps {
  const capacity = { memoryMib: env.MEMORY_MIB, vcpu: env.VCPU };
  return { ...connectPlatform(env, "coordinator"), capacity, takeColdStart: coldStartOnce(coldStartMs) };
}
