// Everything impure that the client function uses, in one record. No Google library: tokens and links by
// plain fetch.
import { idTokenSource } from "../../shared/cloud/auth/idTokenSource.ts";
import { coldStartOnce } from "../../shared/cloud/callCost.ts";
import { createLogger } from "../../shared/cloud/log.ts";
import { sourceFor } from "../../shared/cloud/source.ts";
import { bringData } from "../../shared/cloud/tensors/bringData.ts";
import { trainerOf } from "../../shared/cloud/tensors/loadTrainer.ts";
import { PATIENCE_MS, withRetries } from "../../shared/cloud/withRetries.ts";
import type { Logger } from "../../shared/core/ports/logger.ts";
import type { DataStream, Dataset, Trainer } from "../../shared/core/ports/trainer.ts";
import { type CheckCalls, type Coordinator, connectCoordinator } from "./coordinator.ts";
import type { ClientEnv } from "./env.ts";
import { download, upload } from "./links.ts";
import { acceptableLink, type OwnerBounds } from "./ownerRules.ts";

/** What training takes. */
export interface TrainingDeps {
  readonly coordinator: Coordinator;
  readonly download: typeof download;
  readonly upload: typeof upload;
  /** What the owner lets a run ask for. */
  readonly bounds: OwnerBounds;
  /** A client's own data set, the one that the run names if it names any. */
  readonly readData: (names: {
    readonly clientId: string;
    readonly data?: string | undefined;
  }) => Promise<Dataset | DataStream>;
  /** Loads TensorFlow the first time. */
  readonly trainer: () => Promise<Trainer>;
  readonly log: Logger;
  readonly nowMs: () => number;
  /**
   * From the start of the process to its first request, the first time; then null, for the instance is warm.
   */
  readonly takeColdStart: () => number | null;
  readonly peakRssMib: () => number;
}

export interface ClientDeps extends TrainingDeps {
  readonly coordinator: Coordinator & CheckCalls;
}

export function connect(env: ClientEnv, coldStartMs: number): ClientDeps {
  const tokens = idTokenSource();
  const origin = env.STORAGE_API_ENDPOINT ?? env.LINK_ORIGIN;
  const log = createLogger({ function: "client" });
  return {
    coordinator: connectCoordinator(env.COORDINATOR_URL, tokens),
    // A local cloud's storage is at an address of its own.
    download: async (link, what, ...rest) => download(acceptableLink(link, what, origin), what, ...rest),
    upload: async (link, parts, what, ...rest) =>
      upload(acceptableLink(link, what, origin), parts, what, ...rest),
    bounds: {
      maxEpochs: env.MAX_EPOCHS,
      maxBatchSize: env.MAX_BATCH_SIZE,
      maxTopologyBytes: env.MAX_TOPOLOGY_BYTES,
      maxTrainMs: env.MAX_TRAIN_SECONDS === undefined ? undefined : env.MAX_TRAIN_SECONDS * 1_000,
    },
    readData: (names) => {
      const place = {
        address: sourceFor(env.CLIENT_DATA, names),
        features: env.CLIENT_FEATURES && sourceFor(env.CLIENT_FEATURES, names),
      };
      const options = { tokens, storageEndpoint: env.STORAGE_API_ENDPOINT };
      const limits = { memoryMib: env.MEMORY_MIB, mayStream: true };
      return withRetries(() => bringData(place, options, limits), PATIENCE_MS);
    },
    trainer: trainerOf(env, log),
    log,
    nowMs: Date.now,
    takeColdStart: coldStartOnce(coldStartMs),
    peakRssMib: () => process.resourceUsage().maxRSS / 1_024,
  };
}
