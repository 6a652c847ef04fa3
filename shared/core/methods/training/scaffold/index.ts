// SCAFFOLD (Karimireddy et al. 2020, algorithm 1): steps of g − c_i + c, and as the client's control the mean
// of its gradients in a round (option II): c_i ← c_i − c + (x − y) / (K η).
import type { TensorMath } from "../tensorMath.ts";
import type { TrainedFor, TrainingMethod } from "../trainingMethod.ts";
import type { ScaffoldOptions } from "./face.ts";

/** Controls are held as the step that they make at the spec's learning rate: about as large as deltas are. */
export const behaviour: TrainingMethod<ScaffoldOptions> = {
  hooks({ optimizer: { learningRate: rate }, recovery }) {
    const next = <T>(
      math: TensorMath<T>,
      { value, start, kept, got, steps, learningRate }: TrainedFor<T>,
    ): T => {
      const own = math.sub(kept("control"), got("control"));
      return math.add(own, math.mul(rate / (steps * learningRate), math.sub(start(), value)));
    };
    return {
      usesStart: true,
      keeps: ["control"],
      gets: ["control"],
      sends: ["control"],
      gradient: (math, { gradient, kept, got }) =>
        math.add(gradient, math.div(math.sub(got("control"), kept("control")), rate)),
      keep: (math, variable) => (variable.steps === 0 ? {} : { control: next(math, variable) }),
      send: (math, variable) => {
        const { kept, steps } = variable;
        const control = steps === 0 ? kept("control") : next(math, variable);
        return { control: math.sub(control, math.mul(1 - recovery, kept("control"))) };
      },
    };
  },
};
