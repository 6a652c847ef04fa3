// The rules on bundles, edge by edge.
import { describe, expect, it } from "vitest";
import { bundleProblems, bundleRules } from "../../../infra/bundle/bundleRules.ts";
import { FUNCTION_NAMES } from "../../../shared/core/protocol/tasks.ts";

const framework = "@google-cloud/functions-framework";
const fine = { sizeBytes: 1, firstBytes: 1, packages: [framework], bundled: [], eagerPackages: [framework] };

describe("bundleProblems", () => {
  it.each(FUNCTION_NAMES)("lets %s be up to its budget, and not a byte more", (name) => {
    const sizeBytes = bundleRules[name].maxKib * 1024;
    expect(bundleProblems(name, { ...fine, sizeBytes })).toEqual([]);
    expect(bundleProblems(name, { ...fine, sizeBytes: sizeBytes + 1 })).toEqual([
      expect.stringContaining(`${name}: ${sizeBytes + 1} bytes`),
    ]);
  });

  it.each(FUNCTION_NAMES)("lets %s load so much with its first request, and not a byte more", (name) => {
    const firstBytes = bundleRules[name].maxFirstKib * 1024;
    expect(bundleProblems(name, { ...fine, firstBytes })).toEqual([]);
    expect(bundleProblems(name, { ...fine, firstBytes: firstBytes + 1 })).toEqual([
      expect.stringContaining(`${name}: its first request loads ${firstBytes + 1} bytes`),
    ]);
  });

  it.each([
    ["api", "@tensorflow/tfjs"],
    ["coordinator", "@tensorflow/tfjs-node"],
    ["aggregator", "@tensorflow/tfjs-backend-wasm"],
    ["client", "@google-cloud/firestore"],
    ["client", "@google-cloud/storage"],
    ["client", "@google-cloud/tasks"],
    ["client", "google-auth-library"],
    ["client", "@grpc/grpc-js"],
  ] as const)("keeps %s free of %s, however late it loads", (name, heavy) => {
    expect(bundleProblems(name, { ...fine, packages: [framework, heavy] })).toEqual([
      `${name}: imports ${heavy}, which this function must not use`,
    ]);
    const bundled = ["node_modules/zod", `node_modules/another/node_modules/${heavy}`];
    expect(bundleProblems(name, { ...fine, bundled })).toEqual([
      `${name}: imports ${heavy}, which this function must not use`,
    ]);
  });

  it("lets the evaluator have both, lazily", () => {
    const packages = ["@google-cloud/firestore", "@tensorflow/tfjs-node"];
    expect(bundleProblems("evaluator", { ...fine, packages })).toEqual([]);
    expect(bundleProblems("evaluator", { ...fine, packages, eagerPackages: packages })).toHaveLength(2);
  });

  it("lets the framework load at the start, even in the client", () => {
    expect(bundleProblems("client", fine)).toEqual([]);
  });
});
