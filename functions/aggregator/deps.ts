// Everything impure that the aggregator uses, in one record.
import { objectsOf, queueOf, storeOf } from "../../shared/cloud/connect.ts";
import { type Dispatch, dispatcher } from "../../shared/cloud/dispatch.ts";
import { createLogger } from "../../shared/cloud/log.ts";
import type { Logger } from "../../shared/core/ports/logger.ts";
import type { ProtocolObjects } from "../../shared/core/ports/objectStore.ts";
import type { Store } from "../../shared/core/ports/store.ts";
import type { AggregatorEnv } from "./env.ts";

export interface AggregatorDeps {
  readonly store: Store;
  readonly objects: ProtocolObjects;
  readonly dispatch: Dispatch;
  readonly log: Logger;
  readonly nowMs: () => number;
  /** What this function's instance has, to compute what its work costs. */
  readonly capacity: { readonly memoryMib: number; readonly vcpu: number };
}

export async function connect(env: AggregatorEnv): Promise<AggregatorDeps> {
  const [store, objects, queue] = await Promise.all([storeOf(env), objectsOf(env), queueOf(env)]);
  const dispatch = dispatcher(queue, {
    coordinator: env.COORDINATOR_URL,
    aggregator: env.AGGREGATOR_URL,
    evaluator: env.EVALUATOR_URL,
  });
  return {
    store,
    objects,
    dispatch,
    log: createLogger({ function: "aggregator" }),
    nowMs: Date.now,
    capacity: { memoryMib: env.MEMORY_MIB, vcpu: env.VCPU },
  };
}
