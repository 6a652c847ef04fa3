// The initializers that a run knows, by the names and options that Keras 3 writes for them.
import type { Initializer } from "./initializers.ts";
import type { Config } from "./topology.ts";

/** Class names by their letters alone, in small ones. */
const CLASSES: ReadonlyMap<string, string> = new Map([
  ...[
    "Zeros",
    "Ones",
    "Constant",
    "Identity",
    "RandomUniform",
    "RandomNormal",
    "TruncatedNormal",
    "VarianceScaling",
    "GlorotUniform",
    "GlorotNormal",
    "HeUniform",
    "HeNormal",
    "LecunUniform",
    "LecunNormal",
    "Orthogonal",
  ].map((name) => [name.toLowerCase(), name] as const),
  ["zero", "Zeros"],
  ["one", "Ones"],
  ["uniform", "RandomUniform"],
  ["normal", "RandomNormal"],
  ["identityinitializer", "Identity"],
  ["orthogonalinitializer", "Orthogonal"],
]);

const OPTIONS: Readonly<Record<string, readonly string[]>> = {
  Constant: ["value"],
  Identity: ["gain"],
  RandomUniform: ["minval", "maxval", "seed"],
  RandomNormal: ["mean", "stddev", "seed"],
  TruncatedNormal: ["mean", "stddev", "seed"],
  VarianceScaling: ["scale", "mode", "distribution", "seed"],
  GlorotUniform: ["seed"],
  GlorotNormal: ["seed"],
  HeUniform: ["seed"],
  HeNormal: ["seed"],
  LecunUniform: ["seed"],
  LecunNormal: ["seed"],
  Orthogonal: ["gain", "seed"],
};

/** Undefined for one that Keras 3 does not have. */
export function kerasInitializer({
  name,
  options,
}: Initializer): { readonly className: string; readonly config: Config } | undefined {
  const className = CLASSES.get(name.replaceAll("_", "").toLowerCase());
  if (className === undefined) return undefined;
  const config: Record<string, unknown> = {};
  for (const key of OPTIONS[className] ?? []) {
    const value = Object.hasOwn(options, key) ? options[key] : undefined;
    if (value === undefined || value === null) continue;
    config[key] = key === "mode" || key === "distribution" ? snakeCase(value) : value;
  }
  return { className, config };
}

/** TensorFlow.js writes fanAvg for fan_avg. */
function snakeCase(word: unknown): unknown {
  return typeof word === "string" ? word.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) : word;
}
