// Problems of specs and features files in words for the people who write them, each where it is.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { Features } from "../../../shared/core/data/features.ts";
import { inPlainWords, plainProblems } from "../../../shared/core/schemas/plainProblems.ts";
import { RunSpec } from "../../../shared/core/schemas/spec.ts";

function said(schema: z.ZodType, input: unknown): readonly string[] {
  const parsed = schema.safeParse(input, inPlainWords);
  if (parsed.success) return [];
  return plainProblems(parsed.error).map(({ path, message }) => `${path}: ${message}`);
}

const spec = {
  name: "a",
  model: { builtin: "tiny-mlp" },
  selection: { strategy: "random", cohortSize: 2 },
};

describe("a spec", () => {
  it.each<[object, string]>([
    [{ name: undefined }, "name: is required"],
    [{ name: "" }, "name: must have at least 1 character"],
    [{ name: 7 }, "name: must be a text"],
    [{ model: undefined }, "model: is required"],
    [{ model: "mnist-cnn" }, "model: must be an object"],
    [{ model: {} }, "model.builtin: is required: one of mnist-cnn, tiny-mlp"],
    [{ model: { builtin: "resnet" } }, "model.builtin: must be one of mnist-cnn, tiny-mlp"],
    [{ model: { layers: ["Flatten"] } }, "model.inputShape: is required"],
    [{ model: { layers: "model.json" } }, "model.layers: must be an object"],
    [
      { selection: { strategy: "fedavg", cohortSize: 2 } },
      "selection.strategy: must be one of apodotiko, fedlesscan, oort, random, refl",
    ],
    [
      { selection: { cohortSize: 2 } },
      "selection.strategy: is required: one of apodotiko, fedlesscan, oort, random, refl",
    ],
    [{ selection: { strategy: "random", cohortSize: 1.5 } }, "selection.cohortSize: must be a whole number"],
    [
      { training: { optimizer: { name: "sgd", learningRate: 0 } } },
      "training.optimizer.learningRate: must be above 0",
    ],
    [{ keepInvocationsDays: 3_651 }, "keepInvocationsDays: must be at most 3,650"],
    [{ round: { extend: "no" } }, "round.extend: must be true or false"],
    [{ evaluation: { metrics: "auc" } }, "evaluation.metrics: must be a list"],
  ])("%j: %s", (change, problem) => {
    expect(said(RunSpec, { ...spec, ...change })).toEqual([problem]);
  });

  it("names no choice that is the absence of one", () => {
    const [problem = ""] = said(RunSpec, { ...spec, aggregation: { strategy: "krum" } });
    expect(problem).toMatch(/^aggregation\.strategy: must be one of adasgd, bgmd, centered-clipping,/);
    expect(problem).not.toContain("undefined");
  });
});

describe("a key that is not known", () => {
  it.each([
    ["batch_size", "batchSize"],
    ["localEpoch", "localEpochs"],
    ["optimiser", "optimizer"],
    ["Loss", "loss"],
  ])("%s: perhaps %s is meant", (given, meant) => {
    expect(said(RunSpec, { ...spec, training: { [given]: 1 } })).toEqual([
      `training.${given}: is not known here: perhaps ${meant} is meant`,
    ]);
  });

  it.each(["shuffle", "constructor", "x", "l".repeat(100_000)])("%.20s: is like none", (given) => {
    expect(said(RunSpec, { ...spec, training: { [given]: 1 } })).toEqual([
      `training.${given}: is not known here`,
    ]);
  });

  it("has a message of its own, whatever the keys hold", () => {
    const Schema = z.strictObject({ rounds: z.number().optional() });
    expect(said(Schema, { "a\nb": 1, round: 2, c: 3 })).toEqual([
      "a\nb: is not known here",
      "round: is not known here: perhaps rounds is meant",
      "c: is not known here",
    ]);
  });
});

describe("a features file", () => {
  const table = { kind: "table", inputs: ["age"], target: "ill" };

  it.each<[object, string]>([
    [{ kind: "csv" }, "kind: must be one of table, arrays, images, text"],
    [{ kind: undefined }, "kind: is required: one of table, arrays, images, text"],
    [{ target: undefined }, "target: is required"],
    [
      { inputs: [{ column: "a", type: "float" }] },
      "inputs.0.type: must be one of number, category, numbers, text",
    ],
    [{ inputs: [{ column: "a", type: "category" }] }, "inputs.0.vocabulary: is required"],
    [
      { inputs: [{ column: "a", type: "number", missing: "zero" }] },
      "inputs.0.missing: must be one of refuse, drop, or a number",
    ],
    [{ inputs: [{ column: "a", type: "number", scale: { min: 0 } }] }, "inputs.0.scale.max: is required"],
  ])("%j: %s", (change, problem) => {
    expect(said(Features, { ...table, ...change })).toEqual([problem]);
  });
});

it("says of anything what is wrong, and repeats no value", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.uuid(), (value, secret) => {
      for (const schema of [RunSpec, Features]) {
        const problems = said(schema, {
          ...spec,
          kind: "table",
          training: value,
          inputs: [value, secret],
          name: [secret],
        });
        expect(problems.length).toBeGreaterThan(0);
        expect(problems.join()).not.toMatch(/undefined|invalid input|discriminator|expected/i);
        expect(problems.join()).not.toContain(secret);
      }
    }),
  );
});
