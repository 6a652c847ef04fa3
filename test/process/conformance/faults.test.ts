// Each fault of a client fails the cases that look for it and no other, and those that take their time are
// found, too.
import { expect, it } from "vitest";
import { cases } from "../../../infra/conformance/conformance.ts";
import { conformanceOf, FLAWS, failedOf, SLOW_FLAWS } from "../../support/conformance.ts";
import type { Flaw } from "../../support/plainClient.ts";

const SLOW = ["deadline", "no-storm"];
const QUICK = cases.map(({ name }) => name).filter((name) => !SLOW.includes(name));

it.each(Object.entries(FLAWS))(
  "a client that %s fails exactly what looks for it",
  async (flaw, expected) => {
    expect(failedOf(await conformanceOf(flaw as Flaw, QUICK))).toEqual(expected.toSorted());
  },
  60_000,
);

it.each(Object.entries(SLOW_FLAWS))(
  "a client that %s fails what looks for it",
  async (flaw, expected) => {
    expect(failedOf(await conformanceOf(flaw as Flaw, expected))).toEqual(expected.toSorted());
  },
  60_000,
);
