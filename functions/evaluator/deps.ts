// Everything impure that the evaluator uses, in one record.
import { idTokenSource } from "../../shared/cloud/auth/idTokenSource.ts";
import { objectsOf, queueOf, storeOf } from "../../shared/cloud/connect.ts";
import { type Dispatch, dispatcher } from "../../shared/cloud/dispatch.ts";
import { createLogger } from "../../shared/cloud/log.ts";
import { readSource } from "../../shared/cloud/source.ts";
import { decodeDataset } from "../../shared/cloud/tensors/dataset.ts";
import { loadTrainer } from "../../shared/cloud/tensors/loadTrainer.ts";
import type { Logger } from "../../shared/core/ports/logger.ts";
import type { ProtocolObjects } from "../../shared/core/ports/objectStore.ts";
import type { Store } from "../../shared/core/ports/store.ts";
import type { Dataset, Trainer } from "../../shared/core/ports/trainer.ts";
import type { EvaluatorEnv } from "./env.ts";

export interface EvaluatorDeps {
  readonly store: Store;
  readonly objects: ProtocolObjects;
  readonly dispatch: Dispatch;
  readonly trainer: () => Promise<Trainer>;
  /** The data set that versions are scored on; read once an instance. */
  readonly evaluationData: () => Promise<Dataset>;
  readonly log: Logger;
  readonly nowMs: () => number;
  /** What this function's instance has, to compute what its work costs. */
  readonly capacity: { readonly memoryMib: number; readonly vcpu: number };
}

export async function connect(env: EvaluatorEnv): Promise<EvaluatorDeps> {
  const [store, objects, queue] = await Promise.all([storeOf(env), objectsOf(env), queueOf(env)]);
  const dispatch = dispatcher(queue, {
    coordinator: env.COORDINATOR_URL,
    aggregator: env.AGGREGATOR_URL,
    evaluator: env.EVALUATOR_URL,
  });
  const tokens = idTokenSource();
  return {
    store,
    objects,
    dispatch,
    trainer: once(() => loadTrainer({ kind: env.TRAINER, prefer: env.TENSORS })),
    evaluationData: once(async () =>
      decodeDataset(
        await readSource(env.EVALUATION_DATA, { tokens, storageEndpoint: env.STORAGE_API_ENDPOINT }),
      ),
    ),
    log: createLogger({ function: "evaluator" }),
    nowMs: Date.now,
    capacity: { memoryMib: env.MEMORY_MIB, vcpu: env.VCPU },
  };
}

/** Remembers a success; a failure is tried again. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | null = null;
  return () => {
    made ??= make().catch((error: unknown) => {
      made = null;
      throw error;
    });
    return made;
  };
}
