// What a run needs of its clients, by what it asks of them.
import { expect, it } from "vitest";
import { CLIENT_RELEASE, neededRelease } from "../../../shared/core/round/clientRelease.ts";
import { buildSpec } from "../../support/builders.ts";

const model = [{ name: "output/kernel", shape: [2] }];
const own = [{ name: "output/kernel", shape: [2], local: true as const }];

it("is what clients of 0.1 know, where a run asks no more", () => {
  expect(neededRelease(buildSpec(), model)).toBe(1);
  for (const name of ["sgd", "momentum", "adam"]) {
    const training = { proximalMu: 0.1, loss: "meanSquaredError", optimizer: { name, learningRate: 0.1 } };
    expect(neededRelease(buildSpec({ training }), model)).toBe(1);
  }
});

it("is more where a client that passes it over would do something else", () => {
  expect(neededRelease(buildSpec(), own)).toBe(2);
  expect(neededRelease(buildSpec({ encoding: "int8" }), model)).toBe(2);
  expect(neededRelease(buildSpec({ transforms: [{ transform: "clip", maxNorm: 1 }] }), model)).toBe(2);
});

it.each([
  { loss: "huber" },
  { optimizer: { name: "adamw" } },
  { optimizer: { name: "adam", globalClipNorm: 1 } },
  { optimizer: { name: "sgd", weightDecay: 0.01 } },
  { local: ["output"] },
])("is more for training that they do not know: %j", (training) => {
  expect(neededRelease(buildSpec({ training }), model)).toBe(2);
});

it("is the third for parameters without a topology, whatever else is asked", () => {
  const named = { parameters: "runs/r/model.source.json", weights: { object: "u", partial: false } };
  expect(neededRelease({ ...buildSpec(), model: named }, model)).toBe(3);
  expect(neededRelease({ ...buildSpec({ encoding: "int8" }), model: named }, own)).toBe(3);
});

it("is the fourth where clients get or send tensors beside versions and updates", () => {
  const [scaffold, feddyn] = [
    { training: { method: "scaffold" }, aggregation: { strategy: "scaffold-server" } },
    { training: { method: "feddyn" }, aggregation: { strategy: "feddyn-server" } },
  ];
  expect(neededRelease(buildSpec(scaffold), model)).toBe(4);
  expect(neededRelease(buildSpec(feddyn), model)).toBe(4);
});

it("is the fifth where clients begin from one another's updates", () => {
  expect(neededRelease(buildSpec({ round: { relay: { strategy: "chain" } } }), model)).toBe(5);
});

it.each([1, 0])("is the sixth where a run is of a group, also in a relay, with weight %d", (weight) => {
  const training = { method: "codistillation", group: "wards", weight };
  expect(neededRelease(buildSpec({ training }), model)).toBe(6);
  expect(neededRelease(buildSpec({ training, round: { relay: { strategy: "chain" } } }), model)).toBe(6);
});

it("is never more than this release's clients know", () => {
  expect(CLIENT_RELEASE).toBe(6);
});
