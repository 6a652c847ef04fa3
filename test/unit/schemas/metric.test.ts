// Metrics and targets of a spec: what could never be met is refused when the run is created.
import { describe, expect, it } from "vitest";
import { metricOf } from "../../../shared/core/schemas/metric.ts";
import { RunSpec } from "../../../shared/core/schemas/spec.ts";

const parse = (loss: string, metric: string | undefined, stop: object) =>
  RunSpec.safeParse({
    name: "n",
    model: { builtin: "tiny-mlp" },
    selection: { strategy: "random", cohortSize: 1 },
    training: { loss },
    ...(metric === undefined ? {} : { evaluation: { metric } }),
    stop,
  });
const [classes, numbers] = ["sparseCategoricalCrossentropy", "meanSquaredError"];

describe("a spec's metric", () => {
  it.each([
    [classes, undefined, {}, "accuracy"],
    [classes, undefined, { targetAccuracy: 0.9 }, "accuracy"],
    [classes, "accuracy", { targetAccuracy: 0.9 }, "accuracy"],
    [classes, "loss", { targetLoss: 0.1 }, "loss"],
    ["binaryCrossentropy", undefined, { targetAccuracy: 1 }, "accuracy"],
    [numbers, undefined, { targetLoss: 0.1 }, "loss"],
    [numbers, "loss", {}, "loss"],
  ])("%s, metric %s, stop %j: %s", (loss, metric, stop, chosen) => {
    const parsed = parse(loss, metric, stop);
    expect(parsed.error).toBeUndefined();
    if (parsed.success) expect(metricOf(parsed.data)).toBe(chosen);
  });

  it.each([
    [numbers, undefined, { targetAccuracy: 0.9 }, "stop.targetAccuracy", /no accuracy; use stop\.targetLoss/],
    [numbers, "accuracy", {}, "evaluation.metric", /must be loss/],
    [classes, "loss", { targetAccuracy: 0.9 }, "stop.targetAccuracy", /metric is loss/],
    [classes, undefined, { targetLoss: 0.1 }, "stop.targetLoss", /"metric": "loss"/],
    [classes, "loss", { targetLoss: 0 }, "stop.targetLoss", /./],
    [classes, "f1", {}, "evaluation.metric", /./],
  ])("%s, metric %s, stop %j is refused", (loss, metric, stop, path, message) => {
    const issues = parse(loss, metric, stop).error?.issues ?? [];
    expect(issues.map((issue) => issue.path.join("."))).toEqual([path]);
    expect(issues[0]?.message).toMatch(message);
  });
});
