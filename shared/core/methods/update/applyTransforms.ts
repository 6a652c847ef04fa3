// Applies what a spec lists under `transforms`: clients to their deltas in its order, the server to the
// aggregate in the reverse order, so that the first is the outermost on both sides.
import type { Random } from "../../random.ts";
import type { ModelShape, Weights } from "../../updates/weights.ts";
import { updateBehaviours } from "../registry/update.ts";
import type { TransformOptions } from "./transformOptions.ts";
import { isStatistic, type Transform, type UpdateMethod } from "./updateMethod.ts";

/**
 * Changes the trained parameters of a delta in place, in the order of the list; statistics stay as they are.
 *
 * @param random for transforms that draw.
 */
export function transformDelta(
  delta: Weights,
  transforms: readonly TransformOptions[],
  model: ModelShape,
  random: Random,
): void {
  const isKept = isStatistic(model);
  const trained = delta.filter(({ name }) => !isKept(name));
  for (const options of transforms) transformOf(options).client?.(trained, options, random);
}

/**
 * What the server does with values of the aggregate of deltas, in place, any run of them at a time; null
 * where it does nothing.
 */
export function serverTransform(
  transforms: readonly TransformOptions[],
): ((values: Float64Array) => void) | null {
  const parts = transforms.toReversed().flatMap((options) => {
    const { server } = transformOf(options);
    return server === undefined ? [] : [(values: Float64Array) => server(values, options)];
  });
  if (parts.length === 0) return null;
  return (values) => {
    for (const part of parts) part(values);
  };
}

function transformOf(options: TransformOptions): Transform<TransformOptions> {
  const method: UpdateMethod<never> = updateBehaviours[options.transform];
  return (method.transform ?? {}) as Transform<TransformOptions>;
}
