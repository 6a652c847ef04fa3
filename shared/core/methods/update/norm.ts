// How far a single update may move the model. Bounding its norm bounds what one client can do, whatever it sends: Sun,
// Kairouz, Suresh, McMahan, "Can You Really Backdoor Federated Learning?", 2019, section 4 (norm thresholding).
import type { Weights } from "../../updates/weights.ts";

/**
 * What becomes of an update whose L2 norm is above `max` (> 0; a norm of exactly `max` is within). `clip`: it is shortened to
 * `max` and keeps its direction. `reject`: it is refused. `none`: nothing; there is no bound.
 */
export type NormRule =
  | { readonly action: "none" }
  | { readonly action: "clip"; readonly max: number }
  | { readonly action: "reject"; readonly max: number };

/**
 * The L2 norm over all values of these tensors together. Squares of float32 never overflow the float64 they are summed in, so
 * the norm is finite exactly if every value is. O(parameters).
 */
export function l2Norm(delta: Weights): number {
  let sumOfSquares = 0;
  for (const { values } of delta) {
    let squares = 0;
    for (let i = 0; i < values.length; i++) squares += (values[i] ?? 0) ** 2;
    sumOfSquares += squares;
  }
  return Math.sqrt(sumOfSquares);
}

/** What every value of a delta of this norm is multiplied by, min(1, max / norm): 1 unless the rule clips it. */
export function clipScale(norm: number, rule: NormRule): number {
  return rule.action === "clip" && norm > rule.max ? rule.max / norm : 1;
}
