// Times that are usual where nothing was seen: of a training step, of a call, and of the deployment's own
// functions. Orders of magnitude on one vCPU, and stated as the weakest basis of an estimate.

/** Arithmetic of training TensorFlow on one vCPU does, in floating-point operations a ms. */
export const FLOPS_PER_MS = 15e6;
/** What a training step takes beside its arithmetic, in ms. */
const STEP_MS = 3;
/** Training is the way forward, and backward to inputs and to weights. */
const TRAINING_FLOPS = 3;

/**
 * Of a training step, in ms.
 *
 * @param flops of one sample, forward; see `forwardFlops`
 */
export function usualStepMs(flops: number, batchSize: number): number {
  return STEP_MS + (TRAINING_FLOPS * flops * batchSize) / FLOPS_PER_MS;
}

/** Bytes that a function reads or writes of the bucket in a ms. */
const BYTES_PER_MS = 50_000;

/** From a call's claim to its report, the training aside: claim, downloads, reading data, upload. */
export function usualOtherMs(modelBytes: number): number {
  return 1_000 + (2 * modelBytes) / BYTES_PER_MS;
}

/** A client's cold start: before its claim, and after it, while TensorFlow loads. */
export const USUAL_COLD = { beforeMs: 1_200, afterMs: 800 } as const;
/** What a client's process does once, after that: compiling, recording its first steps. */
export const USUAL_WARM_UP_MS = 700;
/** From when a call is sent until a warm instance has claimed it. */
export const USUAL_START_MS = 400;
/** An instance without work is kept for about so long. */
export const USUAL_IDLE_MS = 900_000;

/** What the deployment's own functions take in a round. */
export function usualOwn({ modelBytes, updates }: { readonly modelBytes: number; readonly updates: number }) {
  const foldMs = 400 + updates * 60 + ((updates + 2) * modelBytes) / BYTES_PER_MS;
  return {
    /** From the end of the training until the round is closed. */
    aggregateMs: 500 + foldMs,
    aggregatorBilledMs: 900 + foldMs,
    /** From a round's close until the next one is open. */
    openDelayMs: 700,
    openBilledMs: 500,
    preparationMs: 1_500,
  };
}

/** The way forward alone, in large batches, does so much more arithmetic in the same time. */
const SCORING_SPEED = 2;

/** Scoring one version. */
export function usualEvaluatorMs(flops: number, samples: number): number {
  return 500 + (samples * flops) / (SCORING_SPEED * FLOPS_PER_MS);
}
