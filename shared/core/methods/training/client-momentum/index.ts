// Momentum of clients (Karimireddy, He & Jaggi 2021, algorithm 2): m ← β m + (1 − β) Δ, and m is sent; the
// first m is Δ.
import type { TensorMath } from "../tensorMath.ts";
import type { TrainedFor, TrainingMethod } from "../trainingMethod.ts";
import type { ClientMomentumOptions } from "./face.ts";

export const behaviour: TrainingMethod<ClientMomentumOptions> = {
  hooks({ momentum: beta }) {
    const next = <T>(math: TensorMath<T>, { value, start, kept, isFirst }: TrainedFor<T>): T => {
      const delta = math.sub(value, start());
      return isFirst ? delta : math.add(math.mul(beta, kept("momentum")), math.mul(1 - beta, delta));
    };
    return {
      usesStart: true,
      keeps: ["momentum"],
      keep: (math, variable) => ({ momentum: next(math, variable) }),
      outcome: (math, variable) => math.add(variable.start(), next(math, variable)),
    };
  },
};
