// The specs that guides show: each method's page has a whole one, of which a run can be created and comes to
// its end; and what other guides show of a spec is valid as well.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { noLearner } from "../../../infra/sim/engine/learner.ts";
import { simulateRun } from "../../../infra/sim/engine/simulateRun.ts";
import { drawPopulation } from "../../../infra/sim/population/drawPopulation.ts";
import { priceTables } from "../../../shared/core/cost/prices.ts";
import { aggregationFaces } from "../../../shared/core/methods/registry/aggregationFaces.ts";
import { relayFaces } from "../../../shared/core/methods/registry/relayFaces.ts";
import { selectionFaces } from "../../../shared/core/methods/registry/selectionFaces.ts";
import { trainingFaces } from "../../../shared/core/methods/registry/trainingFaces.ts";
import { updateFaces } from "../../../shared/core/methods/registry/updateFaces.ts";
import { RunSpec, StoredRunSpec } from "../../../shared/core/schemas/spec.ts";
import { guidePaths, readGuide } from "../../support/guides.ts";
import { buildScenario } from "../sim/builders.ts";

const root = join(import.meta.dirname, "../../..");

const methods = Object.entries({
  selection: selectionFaces,
  aggregation: aggregationFaces,
  relay: relayFaces,
  training: trainingFaces,
  update: updateFaces,
}).flatMap(([kind, faces]) => faces.map(({ name }) => ({ kind, name })));

/** What a spec names of each kind. */
function namedIn(spec: RunSpec): Readonly<Record<string, readonly (string | undefined)[]>> {
  const transforms = (spec.transforms ?? []).map(({ transform }) => transform);
  const bound = spec.aggregation.norm.action === "clip" ? ["norm-bound"] : [];
  return {
    selection: [spec.selection.strategy],
    aggregation: [spec.aggregation.strategy],
    relay: [spec.round.relay?.strategy],
    training: [spec.training.method],
    update: [spec.encoding, ...transforms, ...bound],
  };
}

describe.each(methods)("the spec on the page of $kind $name", ({ kind, name }) => {
  const read = (): RunSpec =>
    RunSpec.parse(
      JSON.parse(readFileSync(join(root, "shared", "core", "methods", kind, name, "example.json"), "utf8")),
    );

  it("is a whole one, and of that method", () => {
    expect(namedIn(read())[kind]).toContain(name);
  });

  it("runs to its end", async () => {
    const spec = StoredRunSpec.parse({ ...read(), model: { builtin: "none" }, stop: { rounds: 3 } });
    const population = drawPopulation(buildScenario({ clients: 40 }), 0, 1);
    const { run } = await simulateRun({
      spec,
      population,
      learner: noLearner(population.samples),
      prices: priceTables["cloud-run-2026"],
      workFactor: 1,
      ignoresBusy: false,
      onRound: () => undefined,
      onScore: () => undefined,
    });
    expect(run).toMatchObject({ status: "completed", round: 3, modelVersion: 3 });
  });
});

/** Blocks that have nothing but parts of a spec. */
const shown = guidePaths.flatMap((path) =>
  [...readGuide(path).matchAll(/```json\n([^`]+)```/g)].flatMap(([, json = ""]) => {
    const block: unknown = JSON.parse(json);
    const isSpec =
      typeof block === "object" &&
      block !== null &&
      Object.keys(block).every((key) => Object.hasOwn(StoredRunSpec.shape, key));
    return isSpec && !path.startsWith("docs/methods/") ? [{ path, block }] : [];
  }),
);

describe("what guides show of a spec", () => {
  it("is found", () => {
    expect(shown.length).toBeGreaterThan(8);
  });

  it.each(shown)("in $path is valid: $block", ({ block }) => {
    const around = {
      name: "shown",
      model: { builtin: "mnist-cnn" },
      selection: { strategy: "random", cohortSize: 20 },
    };
    expect(RunSpec.safeParse({ ...around, ...block }).error?.issues).toBeUndefined();
  });
});
