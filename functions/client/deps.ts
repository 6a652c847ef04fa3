// Everything impure that the client function uses, in one record. No Google library: tokens and links by
// plain fetch.
import { idTokenSource } from "../../shared/cloud/auth/idTokenSource.ts";
import { coldStartOnce } from "../../shared/cloud/callCost.ts";
import { createLogger } from "../../shared/cloud/log.ts";
import { once } from "../../shared/cloud/once.ts";
import { aboutsOf, ownCode } from "../../shared/cloud/own/ownCode.ts";
import { sourceFor } from "../../shared/cloud/source.ts";
import { bringData } from "../../shared/cloud/tensors/bringData.ts";
import { trainerOf } from "../../shared/cloud/tensors/loadTrainer.ts";
import { PATIENCE_MS, withRetries } from "../../shared/cloud/withRetries.ts";
import type { Logger } from "../../shared/core/ports/logger.ts";
import type { DataStream, Dataset, Trainer } from "../../shared/core/ports/trainer.ts";
import type { ClientCode } from "../../shared/core/schemas/ownCode.ts";
import { type CheckCalls, type Coordinator, connectCoordinator } from "./coordinator.ts";
import type { ClientEnv } from "./env.ts";
import { keepingObjects } from "./keptObjects.ts";
import { download, downloadUnlessSame, upload } from "./links.ts";
import { acceptableLink, type OwnerBounds } from "./ownerRules.ts";

/** What training takes. */
export interface TrainingDeps {
  readonly coordinator: Coordinator;
  readonly download: typeof download;
  /** For objects that several clients read, which may be read by this instance again. */
  readonly downloadShared: ReturnType<typeof keepingObjects>;
  readonly upload: typeof upload;
  /** What the owner lets a run ask for. */
  readonly bounds: OwnerBounds;
  /** A client's own data set, the one that the run names if it names any. */
  readonly readData: (names: {
    readonly clientId: string;
    readonly data?: string | undefined;
    /** Until when it is of use, in ms since 1970; for as long as a task may take where absent. */
    readonly untilMs?: number | undefined;
  }) => Promise<Dataset | DataStream>;
  /** The owner's own code, by name and version; absent where there is none. */
  readonly code?: ClientCode;
  /** Loads TensorFlow the first time, where the owner brings no trainer. */
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

/** No task waits longer for its answer. */
const LONGEST_MS = 1_800_000;

export function connect(env: ClientEnv, coldStartMs: number, own = ownCode): ClientDeps {
  const tokens = idTokenSource();
  const origin = env.STORAGE_API_ENDPOINT ?? env.LINK_ORIGIN;
  const log = createLogger({ function: "client" });
  const code = aboutsOf(own);
  const trainer = trainerOf(env, log, own);
  return {
    ...(Object.keys(code).length === 0 ? {} : { code }),
    coordinator: connectCoordinator(env.COORDINATOR_URL, tokens),
    // A local cloud's storage is at an address of its own.
    download: async (link, what, ...rest) => download(acceptableLink(link, what, origin), what, ...rest),
    downloadShared: keepingObjects(async (known, link, what, ...rest) =>
      downloadUnlessSame(known, acceptableLink(link, what, origin), what, ...rest),
    ),
    upload: async (link, parts, what, ...rest) =>
      upload(acceptableLink(link, what, origin), parts, what, ...rest),
    bounds: {
      maxEpochs: env.MAX_EPOCHS,
      maxBatchSize: env.MAX_BATCH_SIZE,
      maxTopologyBytes: env.MAX_TOPOLOGY_BYTES,
      maxTrainMs: env.MAX_TRAIN_SECONDS === undefined ? undefined : env.MAX_TRAIN_SECONDS * 1_000,
      maxLabelCounts: env.MAX_LABEL_COUNTS,
    },
    readData: (names) => {
      const place = {
        address: sourceFor(env.CLIENT_DATA, names),
        features: env.CLIENT_FEATURES && sourceFor(env.CLIENT_FEATURES, names),
      };
      const options = { tokens, storageEndpoint: env.STORAGE_API_ENDPOINT };
      const { loader } = own;
      if (loader === undefined) {
        const limits = { memoryMib: env.MEMORY_MIB, mayStream: true };
        return withRetries(() => bringData(place, options, limits), PATIENCE_MS);
      }
      const { clientId, data, untilMs = Number.POSITIVE_INFINITY } = names;
      const signal = AbortSignal.timeout(Math.max(0, Math.min(LONGEST_MS, untilMs - Date.now())));
      return withRetries(async () => {
        const { loadOwn } = await import("../../shared/cloud/own/loadOwn.ts");
        const loading = { clientId, data, memoryMib: env.MEMORY_MIB, signal, log };
        return loadOwn(loader, place, options, loading);
      }, PATIENCE_MS);
    },
    trainer: once(async () => {
      if (own.trainer === undefined) return trainer();
      const { withOwnTrainer } = await import("../../shared/cloud/own/ownTrainer.ts");
      return withOwnTrainer(own.trainer, trainer, log, Date.now);
    }),
    log,
    nowMs: Date.now,
    takeColdStart: coldStartOnce(coldStartMs),
    peakRssMib: () => process.resourceUsage().maxRSS / 1_024,
  };
}
