// The optimizers that a run can name, as Keras computes them: TensorFlow.js' own differ from Keras in where
// epsilon stands, and know neither weight decay nor clipping.
import type { NamedTensorMap, Tensor, Variable } from "@tensorflow/tfjs";
import { learningRateOf } from "../../core/methods/training/learningRate.ts";
import type { OptimizerSpec } from "../../core/methods/training/optimizerOptions.ts";
import type { TensorFlow } from "./tensorFlow.ts";

export interface LocalOptimizer {
  /** Changes the variables by one step; gradients are by the variables' names. Within `tf.tidy`. */
  step(gradients: NamedTensorMap): void;
  /** Frees what it keeps. */
  dispose(): void;
}

/** What an optimizer takes off a variable, and what it keeps for that variable until its next step. */
interface Update {
  readonly minus: Tensor;
  readonly kept: readonly Tensor[];
}

/**
 * @param kept of the step before; none of them is there before the first
 * @param step 1 is the first
 */
type Rule = (gradient: Tensor, kept: readonly (Tensor | undefined)[], step: number) => Update;

/** A fresh optimizer: a client keeps no state of it between rounds. */
export function makeOptimizer(
  tf: TensorFlow,
  spec: OptimizerSpec,
  { round, variables }: { readonly round: number; readonly variables: readonly Variable[] },
): LocalOptimizer {
  const rate = learningRateOf(spec, round);
  const rule = ruleOf(tf, spec, rate);
  const { weightDecay = 0, globalClipNorm } = spec;
  const kept = new Map<string, readonly Tensor[]>();
  let steps = 0;
  return {
    step(gradients) {
      steps++;
      const present = variables.filter(
        ({ name }) => gradients[name] !== undefined && gradients[name] !== null,
      );
      const scale =
        globalClipNorm === undefined
          ? null
          : clipScale(
              tf,
              present.map(({ name }) => gradients[name] as Tensor),
              globalClipNorm,
            );
      for (const variable of present) {
        const gradient = gradients[variable.name] as Tensor;
        const before = kept.get(variable.name) ?? [];
        const update = rule(scale === null ? gradient : tf.mul(gradient, scale), before, steps);
        const decayed = weightDecay === 0 ? variable : tf.mul(variable, 1 - weightDecay * rate);
        variable.assign(tf.sub(decayed, update.minus));
        kept.set(
          variable.name,
          update.kept.map((tensor) => tf.keep(tensor)),
        );
        tf.dispose([...before]);
      }
    },
    dispose() {
      tf.dispose([...kept.values()].flat());
      kept.clear();
    },
  };
}

function ruleOf(tf: TensorFlow, spec: OptimizerSpec, rate: number): Rule {
  /** value + (towards − value) · share; a value that is not there yet is zero. */
  const moved = (value: Tensor | undefined, towards: Tensor, share: number) =>
    value === undefined ? tf.mul(towards, share) : tf.add(value, tf.mul(tf.sub(towards, value), share));
  switch (spec.name) {
    case "sgd":
      return (gradient) => ({ minus: tf.mul(gradient, rate), kept: [] });
    case "momentum":
      return (gradient, [before]) => {
        const scaled = tf.mul(gradient, rate);
        const minus = before === undefined ? scaled : tf.add(tf.mul(before, spec.momentum), scaled);
        return { minus, kept: [minus] };
      };
    case "adam":
    case "adamw":
      // Kingma, Ba 2015, in the form of their section 2, last paragraph. AdamW: Loshchilov, Hutter 2019.
      return (gradient, [meanBefore, squareBefore], step) => {
        const mean = moved(meanBefore, gradient, 1 - spec.beta1);
        const square = moved(squareBefore, tf.square(gradient), 1 - spec.beta2);
        const alpha = (rate * Math.sqrt(1 - spec.beta2 ** step)) / (1 - spec.beta1 ** step);
        const minus = tf.div(tf.mul(mean, alpha), tf.add(tf.sqrt(square), ADAM_EPSILON));
        return { minus, kept: [mean, square] };
      };
    case "rmsprop":
      // Tieleman, Hinton 2012.
      return (gradient, [before]) => {
        const square = moved(before, tf.square(gradient), 1 - spec.rho);
        const minus = tf.div(tf.mul(gradient, rate), tf.sqrt(tf.add(square, spec.epsilon)));
        return { minus, kept: [square] };
      };
    case "adagrad":
      // Duchi, Hazan, Singer 2011.
      return (gradient, [before]) => {
        const sum = tf.add(before ?? spec.initialAccumulator, tf.square(gradient));
        const minus = tf.div(tf.mul(gradient, rate), tf.sqrt(tf.add(sum, spec.epsilon)));
        return { minus, kept: [sum] };
      };
  }
}

/** What Keras has for it. */
const ADAM_EPSILON = 1e-7;

/** What gradients are multiplied with so that together they are no longer than `norm`. */
function clipScale(tf: TensorFlow, gradients: readonly Tensor[], norm: number): Tensor {
  const squares = gradients.map((gradient) => tf.sum(tf.square(gradient)));
  const length = tf.sqrt(squares.length === 0 ? tf.scalar(0) : tf.addN(squares));
  return tf.div(norm, tf.maximum(length, norm));
}
