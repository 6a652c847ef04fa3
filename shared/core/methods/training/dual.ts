// What methods have in common whose clients keep a dual variable: how far each has gone from the common
// model, in sum.
import type { TensorMath } from "./tensorMath.ts";
import type { TrainedVariable } from "./trainingMethod.ts";

/** The gradient of f(w) + weight / 2 ‖w − start + u‖², where u is kept as "dual". */
export function augmentedGradient<T>(
  math: TensorMath<T>,
  { gradient, value, start, kept }: TrainedVariable<T> & { readonly gradient: T },
  weight: number,
): T {
  return math.add(gradient, math.mul(weight, math.add(math.sub(value, start()), kept("dual"))));
}

/** u + w − start. */
export function nextDual<T>(math: TensorMath<T>, { value, start, kept }: TrainedVariable<T>): T {
  return math.add(kept("dual"), math.sub(value, start()));
}
