// Keras' Normalization with a mean and a variance that are given: (x - mean) / max(sqrt(variance), 1e-7). It
// is a Rescaling with a scale and an offset for each feature. What `adapt` has measured lies in weights.
import type { Config } from "./topology.ts";

/** What Keras divides by at the least (`keras.config.epsilon()`). */
const EPSILON = 1e-7;

/** What is wrong with the options, beyond each for itself. */
export function normalizationProblems({ axis, mean, variance }: Config): readonly string[] {
  const [means, variances] = [numbersOf(mean), numbersOf(variance)];
  if (means === undefined || variances === undefined || variances.some((value) => value < 0)) {
    return [
      "mean and variance must be given, each a number or a list of one for each feature, the same for every client: " +
        "what adapt() measures lies in weights, which are not supported. In Keras, Normalization(mean=..., variance=...)",
    ];
  }
  if (Array.isArray(mean) !== Array.isArray(variance) || means.length !== variances.length) {
    return ["mean and variance must have as many values as each other"];
  }
  return Array.isArray(mean) && JSON.stringify([axis ?? -1].flat()) !== "[-1]"
    ? ["axis must be -1: put the features last, or give one mean and one variance for all"]
    : [];
}

/** The options of a Rescaling that computes the same; undefined where `normalizationProblems` has any. */
export function rescalingOf(config: Config): Config | undefined {
  if (normalizationProblems(config).length > 0) return undefined;
  const { axis: _, mean, variance, invert, ...others } = config;
  const [means = [], deviations = []] = [
    numbersOf(mean),
    numbersOf(variance)?.map((value) => Math.max(Math.sqrt(value), EPSILON)),
  ];
  const isInverse = invert === true;
  const scales = deviations.map((deviation) => (isInverse ? deviation : 1 / deviation));
  // 0 rather than -0, which JSON does not tell apart.
  const offsets = means.map((value, i) => (isInverse ? value : 0 - value * (scales[i] ?? 1)));
  const written = (values: readonly number[]) => (Array.isArray(mean) ? values : values[0]);
  return { ...others, scale: written(scales), offset: written(offsets) };
}

function numbersOf(value: unknown): readonly number[] | undefined {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  const isNumber = (one: unknown): one is number => typeof one === "number" && Number.isFinite(one);
  return list.length > 0 && list.every(isNumber) ? list : undefined;
}
