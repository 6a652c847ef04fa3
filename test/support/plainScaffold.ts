// SCAFFOLD by hand, for a client whose every step is the same: what its parameters become, what it keeps and
// what it sends (Karimireddy et al. 2020, algorithm 1, option II).
import { gotShape, methodTensor, pickedFrom } from "../../shared/core/methods/training/methodTensors.ts";
import type { TrainingOptions } from "../../shared/core/methods/training/options.ts";
import type { ModelShape, Weight, Weights } from "../../shared/core/updates/weights.ts";

export interface Drifting {
  readonly training: Extract<TrainingOptions, { method: "scaffold" }>;
  readonly parameters: ModelShape;
  readonly start: Weights;
  /** What the client has kept. */
  readonly kept: Weights | null;
  /** What the server keeps beside the version. */
  readonly got: Weights | null;
  readonly steps: number;
  /** Each step's move of a value, before it is corrected. */
  readonly step: number;
}

/** The parameters after training, the control that is kept, and the one that is sent. */
export function scaffolded({ training, parameters, start, kept, got, steps, step }: Drifting) {
  const shape = gotShape(training, parameters);
  const byName = (weights: Weights) => new Map(weights.map(({ name, values }) => [name, values]));
  const [ours, theirs] = [kept, got].map((weights) => byName(pickedFrom(weights, shape)));
  const after = start.map((weight) => {
    const [own, common] = [ours, theirs].map((controls) =>
      controls?.get(methodTensor("control", weight.name)),
    );
    const values = weight.values.map(
      (value, i) => value + steps * (step + (own?.[i] ?? 0) - (common?.[i] ?? 0)),
    );
    return { ...weight, values };
  });
  const controls = (share: number): Weight[] =>
    shape.map(({ name, shape: size }) => {
      const [own, common] = [ours?.get(name), theirs?.get(name)];
      const at = start.findIndex((weight) => methodTensor("control", weight.name) === name);
      const [from, to] = [start[at]?.values ?? [], after[at]?.values ?? []];
      const values = Float32Array.from({ length: from.length }, (_, i) => {
        const mean = ((from[i] ?? 0) - (to[i] ?? 0)) / steps;
        return (1 - share) * (own?.[i] ?? 0) - (common?.[i] ?? 0) + mean;
      });
      return { name, shape: size, values };
    });
  return { after, keeps: controls(0), sends: controls(1 - training.recovery) };
}
