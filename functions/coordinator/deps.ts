// Everything impure that the coordinator uses, in one record.
import { objectsOf, queueOf, storeOf } from "../../shared/cloud/connect.ts";
import { type Dispatch, dispatcher } from "../../shared/cloud/dispatch.ts";
import { createLogger } from "../../shared/cloud/log.ts";
import type { Logger } from "../../shared/core/ports/logger.ts";
import type { ObjectStore } from "../../shared/core/ports/objectStore.ts";
import type { Store } from "../../shared/core/ports/store.ts";
import type { CoordinatorEnv } from "./env.ts";

export interface CoordinatorDeps {
  readonly store: Store;
  readonly objects: ObjectStore;
  readonly dispatch: Dispatch;
  readonly log: Logger;
  readonly nowMs: () => number;
}

export async function connect(env: CoordinatorEnv): Promise<CoordinatorDeps> {
  const [store, objects, queue] = await Promise.all([storeOf(env), objectsOf(env), queueOf(env)]);
  const dispatch = dispatcher(queue, {
    coordinator: env.COORDINATOR_URL,
    aggregator: env.AGGREGATOR_URL,
    evaluator: env.EVALUATOR_URL,
  });
  return { store, objects, dispatch, log: createLogger({ function: "coordinator" }), nowMs: Date.now };
}
