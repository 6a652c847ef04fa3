// When packages have to be installed again, and which Node is new enough to go on with.
import { describe, expect, test } from "vitest";
import { isInstalled } from "../../../infra/setup/steps/dependencies.mjs";
import { isNewEnough } from "../../../infra/setup/steps/projectNode.mjs";

describe("isInstalled", () => {
  const wanted = {
    "node_modules/a": { version: "1.0.0" },
    "node_modules/b": { version: "2.0.0", optional: true },
  };
  test.each([
    [
      "the same packages",
      { "node_modules/a": { version: "1.0.0" }, "node_modules/b": { version: "2.0.0" } },
      true,
    ],
    ["without one for another platform", { "node_modules/a": { version: "1.0.0" } }, true],
    ["nothing at all", undefined, false],
    ["an empty folder", {}, false],
    ["another version", { "node_modules/a": { version: "1.0.1" } }, false],
    ["another version of an optional one", { ...wanted, "node_modules/b": { version: "2.0.1" } }, false],
    ["one that the lockfile has no more", { ...wanted, "node_modules/c": { version: "1.0.0" } }, false],
    ["one in another place", { "node_modules/x/node_modules/a": { version: "1.0.0" } }, false],
  ])("%s", (_, installed, expected) => {
    expect(isInstalled(wanted, installed)).toBe(expected);
  });
});

test.each([
  ["20.19.0", false],
  ["22.17.9", false],
  ["22.18.0", true],
  ["23.0.0", true],
  ["24.21.0", true],
  ["100.0.0", true],
])("Node %s runs TypeScript: %s", (version, expected) => {
  expect(isNewEnough(version)).toBe(expected);
});
