// Loads the trainer that the environment names: the one choice between TensorFlow and the trainer of tests.
import { FlError } from "../../core/errors.ts";
import type { Logger } from "../../core/ports/logger.ts";
import { PORTABLE_TENSORS, type Trainer } from "../../core/ports/trainer.ts";
import { once } from "../once.ts";
import type { OwnCode } from "../own/ownCode.ts";
import { HOW_TO_GET_NATIVE } from "./nativeFiles.ts";

export interface LoadTrainerOptions {
  /** `test` trains without TensorFlow, deterministically: see testTrainer.ts. */
  readonly kind: "tensorflow" | "test";
  readonly prefer: "auto" | "native" | "portable";
  /** Whether to fail without native TensorFlow rather than to work several times slower. */
  readonly requireNative?: boolean | undefined;
  /** Where a warning is written if it works without. */
  readonly log?: Pick<Logger, "warn">;
  /** Of the instance: as many threads as it has of them compute. Default: one for each core that it sees. */
  readonly vcpu?: number | undefined;
  /** Classes of the owner's own, which models may have. */
  readonly layers?: OwnCode["layers"];
}

/**
 * @throws FlError("failed-precondition") when the TensorFlow backend insisted on does not load. Where
 *   native TensorFlow is required, it needs a person: no other call of this deployment can do any better.
 */
export async function loadTrainer({
  kind,
  prefer,
  requireNative = false,
  log,
  vcpu,
  layers,
}: LoadTrainerOptions): Promise<Trainer> {
  if (kind === "test") {
    const { createTestTrainer } = await import("./testTrainer.ts");
    return createTestTrainer();
  }
  const [{ loadTensors }, { createTensorTrainer }] = await Promise.all([
    import("./loadTensors.ts"),
    import("./tensorTrainer.ts"),
  ]);
  if (requireNative && prefer === "portable") throw needsNative("TENSORS asks for the portable backend");
  const tensors = await loadTensors({
    prefer: requireNative ? "native" : prefer,
    ...(vcpu === undefined ? {} : { threads: Math.max(1, Math.round(vcpu)) }),
  }).catch((error: unknown) => {
    throw requireNative && error instanceof FlError ? needsNative(error.message, error) : error;
  });
  if (tensors.backend !== "tfjs-node") {
    const reason = tensors.fallbackReason || "TENSORS asks for the portable backend";
    log?.warn(PORTABLE_TENSORS, { backend: tensors.backend, reason });
  }
  if (layers !== undefined) {
    const { registerOwnLayers } = await import("../own/ownLayers.ts");
    await registerOwnLayers(tensors.tf, layers);
  }
  return createTensorTrainer(tensors);
}

/** What a function's environment says of it. */
interface TrainerEnv {
  readonly TRAINER: LoadTrainerOptions["kind"];
  readonly TENSORS: LoadTrainerOptions["prefer"];
  readonly REQUIRE_NATIVE_TENSORS?: boolean | undefined;
  readonly VCPU?: number | undefined;
}

/** The trainer of a function, loaded when it is first asked for. */
export function trainerOf(
  env: TrainerEnv,
  log: Pick<Logger, "warn">,
  { layers }: Pick<OwnCode, "layers"> = {},
): () => Promise<Trainer> {
  return once(() =>
    loadTrainer({
      kind: env.TRAINER,
      prefer: env.TENSORS,
      requireNative: env.REQUIRE_NATIVE_TENSORS,
      vcpu: env.VCPU,
      log,
      ...(layers === undefined ? {} : { layers }),
    }),
  );
}

function needsNative(reason: string, cause?: FlError): FlError {
  return new FlError(
    "failed-precondition",
    `The function needs native TensorFlow (REQUIRE_NATIVE_TENSORS): ${reason.replace(/\.$/, "")}. ${HOW_TO_GET_NATIVE}`,
    { cause, retry: "needs-a-person" },
  );
}
