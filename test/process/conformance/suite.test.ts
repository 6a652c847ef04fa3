// The conformance suite itself: a client that keeps to the protocol passes it, and one with a fault fails the
// cases that look for it.
import { describe, expect, it } from "vitest";
import { cases, testClient } from "../../../infra/conformance/conformance.ts";
import { BROAD_FLAWS, conformanceOf, FLAWS, failedOf, SLOW_FLAWS } from "../../support/conformance.ts";
import type { Flaw } from "../../support/plainClient.ts";

describe("a client that keeps to the protocol", () => {
  it("passes every case, none left out", async () => {
    const results = await conformanceOf();
    expect(results.filter(({ verdict }) => verdict !== "pass")).toEqual([]);
    expect(results.map(({ name }) => name)).toEqual(cases.map(({ name }) => name));
  }, 60_000);

  it("may leave it to the platform who calls it", async () => {
    const [result] = await conformanceOf("takes anyone", ["callers"], { platformChecks: true });
    expect(result).toMatchObject({ verdict: "skip", why: [expect.stringMatching(/platform/)] });
  });
});

describe("a client with one fault", () => {
  it.each(Object.entries({ ...FLAWS, ...BROAD_FLAWS }))(
    "that %s fails what looks for it",
    async (flaw, expected) => {
      expect(failedOf(await conformanceOf(flaw as Flaw, expected))).toEqual(expected.toSorted());
    },
  );

  it("is there for each case", () => {
    const looked = new Set(Object.values({ ...FLAWS, ...BROAD_FLAWS, ...SLOW_FLAWS }).flat());
    expect(cases.map(({ name }) => name).filter((name) => !looked.has(name))).toEqual([]);
  });

  it("is told what is wrong", async () => {
    const [result] = await conformanceOf("sends weights", ["difference"]);
    expect(result?.why).toEqual([expect.stringMatching(/send after - before/)]);
  });
});

describe("what the suite is asked", () => {
  it("must be cases that there are, and a run that could be created", async () => {
    await expect(
      testClient({ clientUrl: "http://127.0.0.1:9", port: 0, only: ["nonsense"] }),
    ).rejects.toThrow(/There is no case nonsense. Cases are task, claim/);
    await expect(testClient({ clientUrl: "http://127.0.0.1:9", port: 0, spec: { name: 3 } })).rejects.toThrow(
      /No run can be made of this: .*name/,
    );
  });
});
