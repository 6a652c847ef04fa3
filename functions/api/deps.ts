// Everything impure that the api uses, in one record.
import { randomBytes } from "node:crypto";
import { objectsOf, queueOf, storeOf } from "../../shared/cloud/connect.ts";
import { type Dispatch, dispatcher } from "../../shared/cloud/dispatch.ts";
import { createLogger } from "../../shared/cloud/log.ts";
import type { Logger } from "../../shared/core/ports/logger.ts";
import type { ProtocolObjects } from "../../shared/core/ports/objectStore.ts";
import type { Store } from "../../shared/core/ports/store.ts";
import type { ApiEnv } from "./env.ts";

export interface ApiDeps {
  readonly store: Store;
  readonly objects: ProtocolObjects;
  readonly dispatch: Dispatch;
  readonly log: Logger;
  readonly nowMs: () => number;
  /** Eight hexadecimal digits that nobody can guess. */
  readonly newSuffix: () => string;
}

export async function connect(env: ApiEnv): Promise<ApiDeps> {
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
    log: createLogger({ function: "api" }),
    nowMs: Date.now,
    newSuffix: () => randomBytes(4).toString("hex"),
  };
}
