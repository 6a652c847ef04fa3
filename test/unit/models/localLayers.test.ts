// Which parameters clients keep for themselves, by patterns of their layers' names.
import { describe, expect, it } from "vitest";
import { markLocal } from "../../../shared/core/models/localLayers.ts";
import { hasStatistics, type ModelShape, sentParameters } from "../../../shared/core/updates/weights.ts";
import { deepFreeze } from "../../support/builders.ts";
import { refusal } from "../../support/refusal.ts";

const model: ModelShape = deepFreeze([
  { name: "conv/kernel", shape: [3, 3] },
  { name: "batch_normalization/gamma", shape: [3] },
  { name: "batch_normalization_1/gamma", shape: [3] },
  { name: "block1/dense/kernel", shape: [3, 2] },
  { name: "block1/dense/bias", shape: [2] },
  { name: "head.v2/kernel", shape: [2, 2] },
  { name: "embedding/embeddings", shape: [9, 2], role: "frozen" as const },
  { name: "batch_normalization/moving_mean", shape: [3], role: "statistic" as const },
]);

function localOf(patterns: readonly string[]): readonly string[] {
  return markLocal(model, patterns).flatMap(({ name, local }) => (local === true ? [name] : []));
}

describe("a pattern", () => {
  it.each([
    ["a layer's name", "conv", ["conv/kernel"]],
    [
      "a layer's name, whole",
      "batch_normalization",
      ["batch_normalization/gamma", "batch_normalization/moving_mean"],
    ],
    [
      "any characters",
      "batch_normalization*",
      ["batch_normalization/gamma", "batch_normalization_1/gamma", "batch_normalization/moving_mean"],
    ],
    ["none of them, too", "conv*", ["conv/kernel"]],
    ["all that is within", "block1", ["block1/dense/kernel", "block1/dense/bias"]],
    ["a layer within", "block1/dense", ["block1/dense/kernel", "block1/dense/bias"]],
    ["a parameter", "block1/dense/bias", ["block1/dense/bias"]],
    ["parameters across layers", "*/bias", ["block1/dense/bias"]],
    ["parts in their order", "b*_1*g*a", ["batch_normalization_1/gamma"]],
    ["no more than it says where it has characters of a regular expression", "head.v2", ["head.v2/kernel"]],
  ])("stands for %s: %s", (_, pattern, expected) => {
    expect(localOf([pattern])).toEqual(expected);
  });

  it.each([
    "head_v2",
    "head.v",
    "con",
    "dense",
    "conv/",
    "",
    "Conv",
    "(conv)",
    "[a-z]+",
    "a*kernel*nel",
    "conv*v/kernel",
  ])("that matches nothing is refused, with the layers that there are: %j", (pattern) => {
    const { message, code } = refusal(() => markLocal(model, ["conv", pattern]));
    expect(code).toBe("invalid-argument");
    expect(message).toContain(`by ${JSON.stringify(pattern)}:`);
    expect(message).toContain('"block1/dense"');
    expect(message).not.toContain('by "conv"');
  });
});

it("keeps roles, and takes local parameters out of updates", () => {
  const marked = markLocal(model, ["batch_normalization", "embedding"]);
  expect(marked.map(({ role }) => role)).toEqual(model.map(({ role }) => role));
  expect(hasStatistics(marked)).toBe(false);
  expect(sentParameters(marked).map(({ name }) => name)).toEqual([
    "conv/kernel",
    "batch_normalization_1/gamma",
    "block1/dense/kernel",
    "block1/dense/bias",
    "head.v2/kernel",
  ]);
});

it("leaves a model as it is without patterns", () => {
  expect(markLocal(model, [])).toBe(model);
});

it.each([[["*"]], [["conv", "batch*", "block1", "head*"]]])(
  "refuses to keep all that is trained: %j",
  (patterns) => {
    expect(refusal(() => markLocal(model, patterns)).message).toMatch(/nothing is left to average/);
  },
);
