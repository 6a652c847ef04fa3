// What a client keeps between invocations: its shape, its way into the weights and out of them.
import { describe, expect, it, vi } from "vitest";
import {
  clientStateShape,
  methodState,
  stateAfter,
  withLocal,
} from "../../../../shared/core/methods/training/clientState.ts";
import { TrainingOptions } from "../../../../shared/core/methods/training/options.ts";
import { hooksOf } from "../../../../shared/core/methods/training/trainingOf.ts";
import type { ModelShape, Weights } from "../../../../shared/core/updates/weights.ts";
import { deepFreeze } from "../../../support/builders.ts";

/** As if FedProx kept two tensors with a proximal term, and none without. */
vi.mock("../../../../shared/core/methods/registry/training.ts", () => ({
  trainingBehaviours: {
    fedprox: {
      hooks: ({ proximalMu }: { proximalMu: number }) => (proximalMu > 0 ? { keeps: ["c", "h"] } : {}),
    },
  },
}));

const model: ModelShape = deepFreeze([
  { name: "a/kernel", shape: [2] },
  { name: "b/gamma", shape: [1], local: true as const },
  { name: "f/kernel", shape: [1], role: "frozen" as const },
  { name: "b/mean", shape: [1], role: "statistic" as const, local: true as const },
]);
const plain = TrainingOptions.parse({});
const keeping = TrainingOptions.parse({ proximalMu: 1 });
const namesOf = (weights: readonly { readonly name: string }[]) => weights.map(({ name }) => name);

function weightsOf(model: ModelShape, start: number): Weights {
  return model.map(({ name, shape }, i) => ({
    name,
    shape,
    values: new Float32Array(shape[0] ?? 1).fill(start + i),
  }));
}

describe("the shape", () => {
  it("is empty where nothing is kept", () => {
    expect(clientStateShape(plain, [{ name: "w", shape: [3] }])).toEqual([]);
  });

  it("has local parameters of every role, and the method's tensors for trained ones", () => {
    expect(clientStateShape(keeping, model)).toEqual([
      { name: "local/b/gamma", shape: [1] },
      { name: "local/b/mean", shape: [1] },
      { name: "c/a/kernel", shape: [2] },
      { name: "c/b/gamma", shape: [1] },
      { name: "h/a/kernel", shape: [2] },
      { name: "h/b/gamma", shape: [1] },
    ]);
    expect(namesOf(clientStateShape(plain, model))).toEqual(["local/b/gamma", "local/b/mean"]);
  });
});

describe("a client", () => {
  it("starts from the version alone at first, with zeros for its method", () => {
    const version = weightsOf(model, 1);
    expect(withLocal(version, null, model)).toEqual(version);
    const state = methodState(null, hooksOf(keeping), model);
    expect(namesOf(state)).toEqual(["c/a/kernel", "c/b/gamma", "h/a/kernel", "h/b/gamma"]);
    expect(state.flatMap(({ values }) => [...values])).toEqual([0, 0, 0, 0, 0, 0]);
  });

  it("goes on from what it has kept, and takes the rest from the version", () => {
    const method = weightsOf(methodState(null, hooksOf(keeping), model), 100);
    const trained = weightsOf(model, 50);
    const kept = stateAfter(trained, method, keeping, model);
    expect(namesOf(kept)).toEqual(namesOf(clientStateShape(keeping, model)));

    const version = weightsOf(model, 1);
    const before = structuredClone(version);
    const next = withLocal(version, kept, model);
    expect(version).toEqual(before);
    expect(namesOf(next)).toEqual(namesOf(model));
    expect(next.map(({ values }) => values[0])).toEqual([1, 51, 3, 53]);
    expect(methodState(kept, hooksOf(keeping), model)).toEqual(method);
  });

  it("keeps all of its state, or none", () => {
    expect(() => stateAfter(weightsOf(model, 1), [], keeping, model)).toThrow(
      expect.objectContaining({ code: "invalid-argument" }),
    );
  });
});
