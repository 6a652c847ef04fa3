// The server's step of FedDyn (Acar et al. 2021, algorithm 1): h ← h − α / m sum(θ_k − θ), θ ← mean(θ_k) −
// h / α. Kept is −h / α, the mean over all clients of what each keeps, as the tensor `dual`.
import type { TrainingOptions } from "../training/options.ts";
import type { ServerSlice } from "./aggregationMethod.ts";
import { moveMean } from "./runningMean.ts";

export function feddynStep(
  { base, delta, state, beside, share }: ServerSlice,
  _options: unknown,
  training: TrainingOptions,
): void {
  const [dual, sent] = [state["dual"], beside["dual"]];
  const recovery = training.method === "feddyn" ? training.recovery : 0;
  if (dual !== undefined && sent !== undefined) moveMean(dual, sent, { share, recovery });
  for (let i = 0; i < base.length; i++) base[i] = (base[i] ?? 0) + (delta[i] ?? 0) + (dual?.[i] ?? 0);
}
