// Every rule on imports between folders catches its violation, and lets through what is meant to be.
import { describe, expect, it } from "vitest";
import { importProblems } from "../../../infra/checks/importRules.ts";
import type { Import, ImportKind, ImportTarget } from "../../../infra/checks/parseImports.ts";

const edge = (from: string, to: ImportTarget, kind: ImportKind = "value"): Import => ({
  from,
  line: 3,
  kind,
  to,
});
const file = (path: string): ImportTarget => ({ file: path });
const npm = (name: string): ImportTarget => ({ package: name });
const problemOf = (...imports: readonly Import[]) => importProblems(imports).join("\n");

describe("direction", () => {
  it.each([
    ["shared/core/a.ts", "shared/cloud/b.ts"],
    ["shared/core/a.ts", "shared/http/b.ts"],
    ["shared/core/a.ts", "functions/api/b.ts"],
    ["shared/core/a.ts", "infra/box/b.ts"],
    ["shared/core/a.ts", "test/support/b.ts"],
    ["shared/cloud/a.ts", "shared/http/b.ts"],
    ["shared/cloud/a.ts", "functions/api/b.ts"],
    ["shared/cloud/auth/a.ts", "shared/http/callers.ts"],
    ["shared/http/a.ts", "shared/cloud/connect.ts"],
    ["shared/http/a.ts", "functions/api/b.ts"],
    ["shared/http/a.ts", "infra/box/b.ts"],
    ["functions/api/a.ts", "functions/apiary/b.ts"],
    ["functions/api/a.ts", "functions/client/b.ts"],
    ["functions/api/a.ts", "infra/box/b.ts"],
    ["functions/api/a.ts", "test/support/b.ts"],
    ["infra/box/a.ts", "functions/api/b.ts"],
    ["infra/box/a.ts", "test/support/b.ts"],
    ["infra/fedstratus/input/a.ts", "examples/text/spec.json"],
    ["infra/fedstratus/templates/a.ts", "infra/box/b.ts"],
  ])("%s must not import %s, not even its types", (from, to) => {
    for (const kind of ["value", "lazy", "type"] as const) {
      expect(problemOf(edge(from, file(to), kind))).toBe(`${from}:3 must not import ${to}`);
    }
  });

  it.each([
    ["shared/core/round/a.ts", "shared/core/round/b.ts"],
    ["shared/cloud/a.ts", "shared/core/b.ts"],
    ["shared/http/a.ts", "shared/core/b.ts"],
    ["shared/http/callers.ts", "shared/cloud/auth/verifyIdToken.ts"],
    ["infra/box/a.ts", "functions/api/env.ts"],
    ["functions/api/a.ts", "functions/api/web/b.ts"],
    ["functions/api/a.ts", "shared/cloud/b.ts"],
    ["functions/api/a.ts", "shared/http/b.ts"],
    ["functions/api/a.ts", "shared/core/b.ts"],
    ["infra/cli/a.ts", "infra/box/b.ts"],
    ["infra/cli/a.ts", "shared/cloud/b.ts"],
    ["infra/fedstratus/templates/a.ts", "examples/text/spec.json"],
    ["test/unit/a.ts", "infra/box/b.ts"],
    ["test/unit/a.ts", "functions/api/b.ts"],
    ["vitest.config.ts", "test/support/b.ts"],
  ])("%s may import %s", (from, to) => {
    expect(problemOf(edge(from, file(to)))).toBe("");
  });
});

describe("direction inside shared/core", () => {
  it.each([
    ["schemas/run.ts", "round/open.ts"],
    ["schemas/run.ts", "models/builtinModels.ts"],
    ["schemas/spec.ts", "methods/selection/strategy.ts"],
    ["schemas/spec.ts", "methods/selection/fedlesscan/index.ts"],
    ["methods/selection/fedlesscan/face.ts", "schemas/round.ts"],
    ["methods/aggregation/sharedOptions.ts", "schemas/spec.ts"],
    ["methods/aggregation/fedavg/index.ts", "round/fold.ts"],
    ["methods/selection/index.ts", "ports/store.ts"],
    ["methods/selection/wantedClients.ts", "roster/enrol.ts"],
    ["protocol/tasks.ts", "round/open.ts"],
    ["ports/store.ts", "round/open.ts"],
    ["updates/safetensors.ts", "schemas/model.ts"],
    ["errors.ts", "schemas/ids.ts"],
  ])("%s must not import %s, not even its types", (from, to) => {
    for (const kind of ["value", "lazy", "type"] as const) {
      const problem = problemOf(edge(`shared/core/${from}`, file(`shared/core/${to}`), kind));
      expect(problem).toContain(`shared/core/${from}:3 must not import shared/core/${to}: in shared/core/`);
    }
  });

  it.each([
    ["schemas/spec.ts", "methods/registry/selectionFaces.ts"],
    ["schemas/spec.ts", "methods/selection/options.ts"],
    ["methods/registry/selectionFaces.ts", "methods/selection/fedlesscan/face.ts"],
    ["methods/selection/cohortOptions.ts", "schemas/client.ts"],
    ["methods/selection/strategy.ts", "schemas/round.ts"],
    ["methods/selection/fedlesscan/face.ts", "methods/selection/fedlesscan/epsilonSearch.ts"],
    ["models/topology.ts", "schemas/model.ts"],
    ["round/fold.ts", "methods/update/validate.ts"],
    ["ports/store.ts", "steps.ts"],
  ])("%s may import %s", (from, to) => {
    expect(problemOf(edge(`shared/core/${from}`, file(`shared/core/${to}`)))).toBe("");
  });

  it("a folder without a place in the rules is a problem", () => {
    expect(problemOf(edge("shared/core/novel/a.ts", file("shared/core/errors.ts")))).toContain(
      "name its part",
    );
  });
});

describe("packages", () => {
  it("gives the core zod and nothing else, Node's own modules included", () => {
    expect(problemOf(edge("shared/core/a.ts", npm("zod")))).toBe("");
    expect(problemOf(edge("shared/core/a.ts", npm("jose"), "type"))).toContain("must not import jose");
    expect(problemOf(edge("shared/core/a.ts", { builtin: "node:crypto" }))).toContain("is pure");
  });

  it("gives functions and shared/http no packages but their own", () => {
    expect(problemOf(edge("functions/api/a.ts", npm("jose"), "lazy"))).toContain("must not import jose");
    expect(problemOf(edge("functions/api/a.ts", npm("zod")))).toBe("");
    expect(problemOf(edge("functions/api/a.ts", { builtin: "node:crypto" }))).toBe("");
    expect(problemOf(edge("shared/http/a.ts", npm("@google-cloud/functions-framework")))).toBe("");
    expect(problemOf(edge("shared/http/a.ts", npm("express"), "type"))).toContain("must not import express");
  });

  const heavy = [
    "@google-cloud/firestore",
    "@google-cloud/storage",
    "@google-cloud/tasks",
    "google-auth-library",
    "@tensorflow/tfjs",
    "@tensorflow/tfjs-node",
  ];

  it.each(heavy)("lets only shared/cloud load %s, and only lazily", (name) => {
    expect(problemOf(edge("shared/cloud/a.ts", npm(name)))).toContain(
      `must load ${name} with await import(), or import only its types`,
    );
    expect(problemOf(edge("shared/cloud/a.ts", npm(name), "lazy"))).toBe("");
    expect(problemOf(edge("shared/cloud/a.ts", npm(name), "type"))).toBe("");
  });

  it.each(heavy)("lets infra name the types of %s, tests load it, and nothing else touch it", (name) => {
    expect(problemOf(edge("infra/box/a.ts", npm(name), "type"))).toBe("");
    expect(problemOf(edge("infra/box/a.ts", npm(name)))).toContain("that is shared/cloud's alone");
    expect(problemOf(edge("infra/box/a.ts", npm(name), "lazy"))).toContain("that is shared/cloud's alone");
    expect(problemOf(edge("test/contract/a.ts", npm(name)))).toBe("");
    expect(problemOf(edge("functions/api/a.ts", npm(name), "type"))).toContain(`must not import ${name}`);
  });

  it("refuses an import() that hides what it loads, except in tests", () => {
    expect(problemOf(edge("shared/cloud/a.ts", { computed: true }, "lazy"))).toContain("must name what");
    expect(problemOf(edge("functions/api/a.ts", { computed: true }, "lazy"))).toContain("must name what");
    expect(problemOf(edge("test/unit/a.ts", { computed: true }, "lazy"))).toBe("");
  });
});

describe("cycles", () => {
  const imports = (...pairs: readonly (readonly [string, string])[]) =>
    pairs.map(([from, to]) => edge(`infra/${from}.ts`, file(`infra/${to}.ts`)));

  it("names the files of each cycle once, shortest way round", () => {
    expect(problemOf(...imports(["a", "b"], ["b", "c"], ["c", "a"], ["b", "a"], ["c", "d"]))).toBe(
      [
        "infra/a.ts → infra/b.ts → infra/a.ts: a cycle",
        "infra/c.ts → infra/a.ts → infra/b.ts → infra/c.ts: a cycle",
      ].join("\n"),
    );
  });

  it("finds a file that imports itself, and cycles of types and lazy imports", () => {
    expect(problemOf(...imports(["a", "a"]))).toBe("infra/a.ts → infra/a.ts: a cycle");
    const lazy = [
      edge("infra/a.ts", file("infra/b.ts"), "lazy"),
      edge("infra/b.ts", file("infra/a.ts"), "type"),
    ];
    expect(problemOf(...lazy)).toContain("a cycle");
  });

  it("lets two ways to the same file be", () => {
    expect(problemOf(...imports(["a", "b"], ["a", "c"], ["b", "d"], ["c", "d"]))).toBe("");
  });
});
