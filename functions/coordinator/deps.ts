// Everything impure that the coordinator uses, in one record.
import { connectPlatform, type Platform } from "../../shared/cloud/connect.ts";
import type { DispatchMissing } from "../../shared/cloud/dispatch.ts";
import type { CoordinatorEnv } from "./env.ts";

export interface CoordinatorDeps extends Platform {
  readonly dispatchMissing: DispatchMissing;
}

export function connect(env: CoordinatorEnv): CoordinatorDeps {
  return connectPlatform(env, "coordinator");
}
