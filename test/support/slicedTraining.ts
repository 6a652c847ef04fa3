// A training method that no product has: each client trains a part of tiny-mlp, by its id. So tests see
// parts arrive.
import type { FedproxOptions } from "../../shared/core/methods/training/fedprox/face.ts";
import type { TrainingMethod } from "../../shared/core/methods/training/trainingMethod.ts";
import type { Covers } from "../../shared/core/updates/covers.ts";

/** By client; those not named train all. */
export const PARTS: Readonly<Record<string, Covers>> = {
  left: [
    { name: "hidden/kernel", at: [0, 0], shape: [4, 5] },
    { name: "output/bias", at: [0], shape: [3] },
  ],
  right: [{ name: "hidden/kernel", at: [1, 3], shape: [3, 5] }],
};

/** It takes the options of FedProx, in whose place tests put it. */
export const sliced: TrainingMethod<FedproxOptions> = {
  assign: ({ clientId }) => {
    const covers = PARTS[clientId] ?? (clientId === "liar" ? PARTS["left"] : undefined);
    return covers === undefined ? {} : { covers };
  },
};
