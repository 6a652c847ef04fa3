// The optimizers that a run can name, as Keras computes them: TensorFlow.js' own differ from Keras in where
// epsilon stands, and know neither weight decay nor clipping.
import type { NamedTensorMap, Tensor, Variable } from "@tensorflow/tfjs";
import { FlError } from "../../core/errors.ts";
import { learningRateOf } from "../../core/methods/training/learningRate.ts";
import type { OptimizerSpec } from "../../core/methods/training/optimizerOptions.ts";
import type { TensorFlow } from "./tensorFlow.ts";

export interface LocalOptimizer {
  /** What it keeps between steps. */
  readonly slots: readonly Variable[];
  /** Numbers of a step that depend on nothing but how many there were before; 1 is the first. */
  scalars(step: number): readonly number[];
  /**
   * Changes the variables by one step; gradients are by the variables' names, scalars those of the step.
   * Within `tf.tidy`.
   */
  step(gradients: NamedTensorMap, scalars: readonly Tensor[]): void;
  /** Frees what it keeps. */
  dispose(): void;
}

/** What an optimizer takes off a variable, and what it keeps for that variable until its next step. */
interface Update {
  readonly minus: Tensor;
  readonly kept: readonly Tensor[];
}

interface Rule {
  /** What each slot of a variable is filled with at first. */
  readonly slots: readonly number[];
  /** What gradients are scaled by in a step; 1 is the first. */
  rate(step: number): number;
  update(gradient: Tensor, kept: readonly Tensor[], rate: Tensor): Update;
}

/** A fresh optimizer: a client keeps no state of it between rounds. */
export function makeOptimizer(
  tf: TensorFlow,
  spec: OptimizerSpec,
  { round, variables }: { readonly round: number; readonly variables: readonly Variable[] },
): LocalOptimizer {
  const rate = learningRateOf(spec, round);
  const rule = ruleOf(tf, spec, rate);
  const { weightDecay = 0, globalClipNorm } = spec;
  const slots = new Map(
    variables.map(({ name, shape }) => [
      name,
      rule.slots.map((value) => tf.tidy(() => tf.variable(tf.fill(shape, value), false))),
    ]),
  );
  const all = [...slots.values()].flat();
  return {
    slots: all,
    scalars: (step) => [rule.rate(step), 1 - weightDecay * rate],
    step(gradients, [stepRate, decay]) {
      if (stepRate === undefined || decay === undefined) {
        throw new FlError("internal", "A step of the optimizer lacks its scalars.");
      }
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
        const kept = slots.get(variable.name) ?? [];
        const update = rule.update(scale === null ? gradient : tf.mul(gradient, scale), kept, stepRate);
        const decayed = weightDecay === 0 ? variable : tf.mul(variable, decay);
        variable.assign(tf.sub(decayed, update.minus));
        for (const [i, slot] of kept.entries()) {
          const next = update.kept[i];
          if (next !== undefined) slot.assign(next);
        }
      }
    },
    dispose: () => tf.dispose(all),
  };
}

function ruleOf(tf: TensorFlow, spec: OptimizerSpec, rate: number): Rule {
  /** value + (towards − value) · share */
  const moved = (value: Tensor, towards: Tensor, share: number) =>
    tf.add(value, tf.mul(tf.sub(towards, value), share));
  /** What a rule that keeps so many values has of each variable: they are there from the start. */
  const one = ([kept]: readonly Tensor[]): Tensor => kept as Tensor;
  switch (spec.name) {
    case "sgd":
      return {
        slots: [],
        rate: () => rate,
        update: (gradient, _kept, by) => ({ minus: tf.mul(gradient, by), kept: [] }),
      };
    case "momentum":
      return {
        slots: [0],
        rate: () => rate,
        update: (gradient, kept, by) => {
          const minus = tf.add(tf.mul(one(kept), spec.momentum), tf.mul(gradient, by));
          return { minus, kept: [minus] };
        },
      };
    case "adam":
    case "adamw":
      // Kingma, Ba 2015, in the form of their section 2, last paragraph. AdamW: Loshchilov, Hutter 2019.
      return {
        slots: [0, 0],
        rate: (step) => (rate * Math.sqrt(1 - spec.beta2 ** step)) / (1 - spec.beta1 ** step),
        update: (gradient, [meanBefore, squareBefore], by) => {
          const mean = moved(meanBefore as Tensor, gradient, restOf(spec.beta1));
          const square = moved(squareBefore as Tensor, tf.square(gradient), restOf(spec.beta2));
          const minus = tf.div(tf.mul(mean, by), tf.add(tf.sqrt(square), ADAM_EPSILON));
          return { minus, kept: [mean, square] };
        },
      };
    case "rmsprop":
      // Tieleman, Hinton 2012. Not ÷ √, which TensorFlow makes × 1/√ of in a graph: both are to do the same.
      return {
        slots: [0],
        rate: () => rate,
        update: (gradient, kept, by) => {
          const square = moved(one(kept), tf.square(gradient), 1 - spec.rho);
          return {
            minus: tf.mul(tf.mul(gradient, by), tf.rsqrt(tf.add(square, spec.epsilon))),
            kept: [square],
          };
        },
      };
    case "adagrad":
      // Duchi, Hazan, Singer 2011.
      return {
        slots: [spec.initialAccumulator],
        rate: () => rate,
        update: (gradient, kept, by) => {
          const sum = tf.add(one(kept), tf.square(gradient));
          return { minus: tf.mul(tf.mul(gradient, by), tf.rsqrt(tf.add(sum, spec.epsilon))), kept: [sum] };
        },
      };
  }
}

/** 1 − β, as TensorFlow's own kernel computes it: from a float32, so that a graph with it does the same. */
function restOf(beta: number): number {
  return 1 - Math.fround(beta);
}

/** What Keras has for it. */
const ADAM_EPSILON = 1e-7;

/** What gradients are multiplied with so that together they are no longer than `norm`. */
function clipScale(tf: TensorFlow, gradients: readonly Tensor[], norm: number): Tensor {
  const squares = gradients.map((gradient) => tf.sum(tf.square(gradient)));
  const length = tf.sqrt(squares.length === 0 ? tf.scalar(0) : tf.addN(squares));
  return tf.div(norm, tf.maximum(length, norm));
}
