// The server's step with momentum, as of an SGD optimizer: v ← βv + Δ, w ← w + ηv.
import type { ServerSlice } from "./aggregationMethod.ts";

/** Keeps v as the tensor `momentum`. */
export function momentumStep(
  { base, delta, state }: ServerSlice,
  {
    serverLearningRate,
    serverMomentum,
  }: { readonly serverLearningRate: number; readonly serverMomentum: number },
): void {
  const velocity = state["momentum"] ?? new Float32Array(base.length);
  for (let i = 0; i < base.length; i++) {
    velocity[i] = serverMomentum * (velocity[i] ?? 0) + (delta[i] ?? 0);
    base[i] = (base[i] ?? 0) + serverLearningRate * (velocity[i] ?? 0);
  }
}
