// How far a single update may move the model. Bounding its norm bounds what one client can do, whatever it
// sends.
import type { UpdateMethod } from "../updateMethod.ts";
import type { NormRule } from "./face.ts";

/** The largest norm that is not refused; infinite unless the rule refuses. */
export function largestNorm(rule: NormRule): number {
  return rule.action === "reject" ? rule.max : Number.POSITIVE_INFINITY;
}

/**
 * What every value of a delta of this norm is multiplied by, min(1, max / norm): 1 unless the rule clips it.
 */
export function clipScale(norm: number, rule: NormRule): number {
  return rule.action === "clip" && norm > rule.max ? rule.max / norm : 1;
}

export const behaviour: UpdateMethod<NormRule> = { bound: { most: largestNorm, scale: clipScale } };
