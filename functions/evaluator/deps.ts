// Everything impure that the evaluator uses, in one record.
import { idTokenSource } from "../../shared/cloud/auth/idTokenSource.ts";
import { coldStartOnce, type Metered } from "../../shared/cloud/callCost.ts";
import { connectPlatform, type Platform } from "../../shared/cloud/connect.ts";
import { aboutsOf, ownCode } from "../../shared/cloud/own/ownCode.ts";
import { sourceFor } from "../../shared/cloud/source.ts";
import { heldData } from "../../shared/cloud/tensors/heldData.ts";
import { trainerOf } from "../../shared/cloud/tensors/loadTrainer.ts";
import type { DataStream, Dataset, Trainer } from "../../shared/core/ports/trainer.ts";
import type { ClientCode } from "../../shared/core/schemas/ownCode.ts";
import type { EvaluatorEnv } from "./env.ts";

export interface EvaluatorDeps extends Platform, Metered {
  readonly trainer: () => Promise<Trainer>;
  /**
   * The data set that a run's versions are scored on, as it is now: of the run's `data`, where it names any.
   */
  readonly evaluationData: (data?: string) => Promise<Dataset | DataStream>;
  /** The code that this deployment has of its own: layers that models may have; none where absent. */
  readonly code?: ClientCode;
}

export function connect(env: EvaluatorEnv, coldStartMs: number, code = ownCode): EvaluatorDeps {
  const source = { tokens: idTokenSource(), storageEndpoint: env.STORAGE_API_ENDPOINT };
  const read = heldData(source, { memoryMib: env.MEMORY_MIB });
  const platform = connectPlatform(env, "evaluator");
  const { log } = platform;
  return {
    ...platform,
    trainer: trainerOf(env, log, code),
    evaluationData: (data) =>
      read({
        address: sourceFor(env.EVALUATION_DATA, { data }),
        features: env.EVALUATION_FEATURES && sourceFor(env.EVALUATION_FEATURES, { data }),
      }),
    code: aboutsOf(code),
    capacity: { memoryMib: env.MEMORY_MIB, vcpu: env.VCPU },
    takeColdStart: coldStartOnce(coldStartMs),
  };
}
