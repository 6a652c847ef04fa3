// Everything impure that the evaluator uses, in one record.
import { idTokenSource } from "../../shared/cloud/auth/idTokenSource.ts";
import { coldStartOnce, type Metered } from "../../shared/cloud/callCost.ts";
import { connectPlatform, type Platform } from "../../shared/cloud/connect.ts";
import { once } from "../../shared/cloud/once.ts";
import { readSource } from "../../shared/cloud/source.ts";
import { decodeDataset } from "../../shared/cloud/tensors/dataset.ts";
import { loadTrainer } from "../../shared/cloud/tensors/loadTrainer.ts";
import type { Dataset, Trainer } from "../../shared/core/ports/trainer.ts";
import type { EvaluatorEnv } from "./env.ts";

export interface EvaluatorDeps extends Platform, Metered {
  readonly trainer: () => Promise<Trainer>;
  /** The data set that versions are scored on; read once an instance. */
  readonly evaluationData: () => Promise<Dataset>;
}

export function connect(env: EvaluatorEnv, coldStartMs: number): EvaluatorDeps {
  const tokens = idTokenSource();
  return {
    ...connectPlatform(env, "evaluator"),
    trainer: once(() => loadTrainer({ kind: env.TRAINER, prefer: env.TENSORS })),
    evaluationData: once(async () =>
      decodeDataset(
        await readSource(env.EVALUATION_DATA, { tokens, storageEndpoint: env.STORAGE_API_ENDPOINT }),
      ),
    ),
    capacity: { memoryMib: env.MEMORY_MIB, vcpu: env.VCPU },
    takeColdStart: coldStartOnce(coldStartMs),
  };
}
