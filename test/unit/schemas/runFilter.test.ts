// Which runs a list is to have.
import { describe, expect, it, test } from "vitest";
import { isOpen, isWanted, type RunFilter } from "../../../shared/core/schemas/runFilter.ts";
import { buildRun, buildSpec } from "../../support/builders.ts";

const run = buildRun({
  status: "paused",
  createdBy: "ada@example.org",
  spec: buildSpec({ name: "Heart study 3" }),
  labels: { team: "cardiology", empty: "" },
});

describe("isWanted", () => {
  test.each<[RunFilter, boolean]>([
    [{}, true],
    [{ status: ["running", "paused"] }, true],
    [{ status: ["running"] }, false],
    [{ status: [] }, false],
    [{ createdBy: "ada@example.org" }, true],
    [{ createdBy: "ada" }, false],
    [{ name: "heart" }, true],
    [{ name: "HEART STUDY 3" }, true],
    [{ name: "study" }, false],
    [{ label: { name: "team" } }, true],
    [{ label: { name: "team", value: "cardiology" } }, true],
    [{ label: { name: "team", value: "" } }, false],
    [{ label: { name: "empty", value: "" } }, true],
    [{ label: { name: "constructor" } }, false],
    [{ status: ["paused"], name: "heart", label: { name: "other" } }, false],
  ])("%j: %s", (filter, wanted) => {
    expect(isWanted(run, filter)).toBe(wanted);
  });

  it("a filter of nothing is open", () => {
    expect(isOpen({})).toBe(true);
    expect(isOpen({ name: undefined })).toBe(true);
    expect(isOpen({ status: [] })).toBe(false);
  });
});
