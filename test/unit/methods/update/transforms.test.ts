// What happens to deltas beside their encoding: what every transform has to keep to, the order of several,
// and each one's own oracle.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { serverTransform, transformDelta } from "../../../../shared/core/methods/update/applyTransforms.ts";
import { makeUpdate } from "../../../../shared/core/methods/update/makeUpdate.ts";
import {
  type TransformOptions,
  UpdateTransforms,
} from "../../../../shared/core/methods/update/transformOptions.ts";
import { readUpdate } from "../../../../shared/core/methods/update/update.ts";
import { randomFrom } from "../../../../shared/core/random.ts";
import { RunSpec } from "../../../../shared/core/schemas/spec.ts";
import { l2Norm } from "../../../../shared/core/updates/norm.ts";
import { joinParts } from "../../../../shared/core/updates/safetensors.ts";
import type { ModelShape, Weights } from "../../../../shared/core/updates/weights.ts";
import { fold } from "../../../support/folding.ts";

/** One of each transform that there is. */
const EXAMPLES: Readonly<Record<TransformOptions["transform"], TransformOptions>> = {
  clip: { transform: "clip", maxNorm: 5 },
  "server-rate": { transform: "server-rate", rate: 0.5 },
};
const model: ModelShape = [
  { name: "a", shape: [2] },
  { name: "mean", shape: [2], role: "statistic" },
  { name: "b", shape: [2] },
];
const deltaOf = (...values: number[]): Weights =>
  model.map(({ name, shape }, i) => ({
    name,
    shape,
    values: Float32Array.from(values.slice(2 * i, 2 * i + 2)),
  }));
const valuesOf = (delta: Weights) => delta.flatMap(({ values }) => [...values]);
const finite = fc.float({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 });

describe.each(Object.entries(EXAMPLES))("the transform %s", (_, options) => {
  it("makes finite values of finite ones, the same each time, and leaves statistics alone", () => {
    fc.assert(
      fc.property(fc.array(finite, { minLength: 6, maxLength: 6 }), (values) => {
        const [once, again] = [deltaOf(...values), deltaOf(...values)];
        transformDelta(once, [options], model, randomFrom(1));
        transformDelta(again, [options], model, randomFrom(1));
        expect(again).toEqual(once);
        expect(valuesOf(once).every(Number.isFinite)).toBe(true);
        expect(once[1]?.values).toEqual(deltaOf(...values)[1]?.values);
      }),
    );
  });

  it("does the same to a run of an aggregate's values as to all of them", () => {
    const server = serverTransform([options]);
    if (server === null) return;
    fc.assert(
      fc.property(fc.array(finite, { maxLength: 12 }), fc.nat(12), (values, cut) => {
        const whole = Float64Array.from(values);
        const parts = [Float64Array.from(values.slice(0, cut)), Float64Array.from(values.slice(cut))];
        server(whole);
        for (const part of parts) server(part);
        expect(parts.flatMap((part) => [...part])).toEqual([...whole]);
      }),
    );
  });
});

describe("several transforms", () => {
  it("change nothing where there are none", () => {
    const delta = deltaOf(1, 2, 3, 4, 5, 6);
    transformDelta(delta, [], model, randomFrom(1));
    expect(delta).toEqual(deltaOf(1, 2, 3, 4, 5, 6));
    expect(serverTransform([])).toBeNull();
    expect(serverTransform([EXAMPLES.clip]), "clients alone clip").toBeNull();
  });

  it("are applied by clients in their order", () => {
    const inOrder = deltaOf(3, 0, 9, 9, 0, 4);
    const clips: TransformOptions[] = [
      { transform: "clip", maxNorm: 2 },
      { transform: "clip", maxNorm: 1 },
    ];
    transformDelta(inOrder, clips, model, randomFrom(1));
    expect(l2Norm([inOrder[0], inOrder[2]].flatMap((tensor) => tensor ?? []))).toBeCloseTo(1, 5);
  });

  it.each([
    ["none", [], "transforms: "],
    ["one twice", [EXAMPLES.clip, EXAMPLES.clip], "transforms.1.transform: clip is listed twice"],
    ["an unknown one", [{ transform: "shuffle" }], "transforms.0.transform: "],
    ["a norm of 0", [{ transform: "clip", maxNorm: 0 }], "transforms.0.maxNorm: "],
    ["a rate below 0", [{ transform: "server-rate", rate: -1 }], "transforms.0.rate: "],
    ["an option of another", [{ transform: "clip", maxNorm: 1, rate: 1 }], "transforms.0: "],
  ])("are refused when the run is created: %s", (_, transforms, problem) => {
    const spec = {
      name: "t",
      model: { builtin: "tiny-mlp" },
      selection: { strategy: "random", cohortSize: 1 },
    };
    const { error } = RunSpec.safeParse({ ...spec, transforms });
    const problems = (error?.issues ?? []).map(({ path, message }) => `${path.join(".")}: ${message}`);
    expect(problems).toEqual([expect.stringContaining(problem)]);
  });

  it("are examples of all that there are", () => {
    const { items } = z.toJSONSchema(UpdateTransforms) as { items?: { oneOf?: unknown[] } };
    expect(items?.oneOf).toHaveLength(Object.keys(EXAMPLES).length);
  });
});

describe("clipping by the client", () => {
  const clip = (maxNorm: number, delta: Weights): Weights => {
    transformDelta(delta, [{ transform: "clip", maxNorm }], model, randomFrom(1));
    return delta;
  };

  it("keeps what is within, and the direction of what is not", () => {
    expect(clip(5, deltaOf(3, 0, 9, 9, 0, 4))).toEqual(deltaOf(3, 0, 9, 9, 0, 4));
    for (const [i, value] of valuesOf(clip(2.5, deltaOf(3, 0, 9, 9, 0, 4))).entries()) {
      expect(value).toBeCloseTo([1.5, 0, 9, 9, 0, 2][i] ?? Number.NaN, 5);
    }
  });

  it("makes an update that a server with the same bound takes", () => {
    const values = fc.array(finite, { minLength: 6, maxLength: 6 });
    fc.assert(
      fc.property(values, fc.double({ min: 1e-3, max: 1e3, noNaN: true }), (drawn, maxNorm) => {
        const recipe = { baseVersion: 0, encoding: "f32" as const, model, seed: 1, round: 1, clientId: "a" };
        const transforms = [{ transform: "clip" as const, maxNorm }];
        const base = deltaOf(0, 0, 0, 0, 0, 0);
        const file = joinParts(makeUpdate(deltaOf(...drawn), base, { ...recipe, transforms }));
        const norm = { action: "reject" as const, max: maxNorm };
        expect(readUpdate(file, "", { model, encoding: "f32", baseVersion: 0, sha256: "", norm }).ok).toBe(
          true,
        );
      }),
    );
  });
});

describe("the server's learning rate", () => {
  it("multiplies the step of trained parameters, and not what statistics become", async () => {
    const base = deltaOf(10, 10, 10, 10, 10, 10);
    const updates = [2, 3, 4].map((value) => ({ delta: deltaOf(value, 2 * value, 6, 8, 0, -2) }));
    const made = (aggregation: Record<string, unknown>) =>
      fold({ aggregation, transforms: [EXAMPLES["server-rate"]], model, base, updates });
    for (const strategy of ["fedavg", "median"]) {
      expect(valuesOf((await made({ strategy })).weights), strategy).toEqual([11.5, 13, 6, 8, 10, 9]);
    }
    const momentum = { strategy: "fedavgm", serverLearningRate: 2, serverMomentum: 0 };
    expect(valuesOf((await made(momentum)).weights), "before the server's own step").toEqual([
      13, 16, 6, 8, 10, 8,
    ]);
  });
});
