// Everything impure that the coordinator uses, in one record.
import { objectsOf, queueOf, storeOf } from "../../shared/cloud/connect.ts";
import {
  type Dispatch,
  type DispatchMissing,
  dispatcher,
  missingDispatcher,
} from "../../shared/cloud/dispatch.ts";
import { createLogger } from "../../shared/cloud/log.ts";
import type { Logger } from "../../shared/core/ports/logger.ts";
import type { ProtocolObjects } from "../../shared/core/ports/objectStore.ts";
import type { Store } from "../../shared/core/ports/store.ts";
import type { CoordinatorEnv } from "./env.ts";

export interface CoordinatorDeps {
  readonly store: Store;
  readonly objects: ProtocolObjects;
  readonly dispatch: Dispatch;
  readonly dispatchMissing: DispatchMissing;
  readonly log: Logger;
  readonly nowMs: () => number;
}

export async function connect(env: CoordinatorEnv): Promise<CoordinatorDeps> {
  const [store, objects, queue] = await Promise.all([storeOf(env), objectsOf(env), queueOf(env)]);
  const urls = {
    coordinator: env.COORDINATOR_URL,
    aggregator: env.AGGREGATOR_URL,
    evaluator: env.EVALUATOR_URL,
  };
  return {
    store,
    objects,
    dispatch: dispatcher(queue, urls),
    dispatchMissing: missingDispatcher(queue, urls, Date.now),
    log: createLogger({ function: "coordinator" }),
    nowMs: Date.now,
  };
}
