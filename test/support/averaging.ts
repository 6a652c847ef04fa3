// FedAvg by hand: the sum and the model of the fold, one update after the other.

import { FlError } from "../../shared/core/errors.ts";
import { moveModel } from "../../shared/core/methods/aggregation/serverState.ts";
import { WeightedSum } from "../../shared/core/methods/aggregation/weightedSum.ts";
import { flatLayout } from "../../shared/core/updates/flat.ts";
import {
  type ModelShape,
  orderWeights,
  sentParameters,
  type Weights,
} from "../../shared/core/updates/weights.ts";

export interface WeightedUpdate {
  readonly delta: Weights;
  readonly scale?: number;
  readonly samples: number;
  readonly stalenessWeight: number;
}

export class Averaging {
  readonly #model: ModelShape;
  readonly #sum: WeightedSum;
  readonly #weights: number[] = [];

  constructor(model: ModelShape) {
    this.#model = model;
    this.#sum = new WeightedSum(flatLayout(model));
  }

  room(sizeBytes: number): Uint8Array<ArrayBuffer> {
    return this.#sum.room(sizeBytes);
  }

  add({ delta, scale = 1, samples, stalenessWeight }: WeightedUpdate): void {
    const weight = samples * stalenessWeight;
    this.#sum.add(orderWeights(delta, sentParameters(this.#model)), weight, scale);
    this.#weights.push(weight);
  }

  finish(base: Weights): Weights {
    if (this.#weights.length === 0) throw new FlError("failed-precondition", "There is no update.");
    return moveModel(base, this.#model, this.#sum, null);
  }

  shares(): number[] {
    const total = this.#weights.reduce((sum, weight) => sum + weight, 0);
    return this.#weights.map((weight) => weight / total);
  }
}
