// Steps of local training one operation after the other: the way that every backend and every model can go.
import type { Tensor } from "@tensorflow/tfjs";
import type { Random } from "../../../core/random.ts";
import type { Batch } from "../batches.ts";
import { withDraws } from "../draws.ts";
import type { TensorFlow } from "../tensorFlow.ts";

/** Changes the variables by one step, within `tf.tidy`; the loss that it started from. */
export type EagerStep = (batch: Batch, scalars: readonly Tensor[]) => Tensor;

export interface Stepper {
  /**
   * Runs a step; the loss that it started from.
   *
   * @param batch makes the tensors of the batch, within `tf.tidy`
   * @param scalars of the optimizer, for this step
   * @param random what the step draws from
   */
  step(batch: () => Batch, scalars: readonly number[], random: Pick<Random, "next">): number;
  /** Brings the variables up to date with the steps done. */
  settle(): void;
  /** Why steps are not run as one graph; null where they are, and where nothing asks for it. */
  readonly eagerReason: string | null;
  dispose(): void;
}

export function eagerStepper(tf: TensorFlow, run: EagerStep): Stepper {
  return {
    step: (batch, scalars, random) =>
      withDraws(random, () =>
        tf.tidy(() => {
          const loss = run(
            batch(),
            scalars.map((value) => tf.scalar(value)),
          );
          return loss.dataSync()[0] ?? Number.NaN;
        }),
      ),
    settle: () => undefined,
    eagerReason: null,
    dispose: () => undefined,
  };
}
