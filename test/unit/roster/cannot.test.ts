// What a client says that it cannot do, from its invocation to the roster, and what makes the roster forget
// it.
import { describe, expect, it } from "vitest";
import { FAILURE_REASONS } from "../../../shared/core/failureReasons.ts";
import { enrol, rosterEntries } from "../../../shared/core/roster/enrol.ts";
import { foldOutcome } from "../../../shared/core/roster/fold.ts";
import { claimedByOlder, claimedByOther } from "../../../shared/core/round/close.ts";
import { cohortOutcomes } from "../../../shared/core/round/outcomes.ts";
import type { Invocation } from "../../../shared/core/schemas/invocation.ts";
import type { ChangedClient } from "../../../shared/core/schemas/roster.ts";
import {
  buildInvocation,
  buildOutcome,
  buildRecord,
  buildReported,
  buildRound,
  buildShard,
  deepFreeze,
  T0,
} from "../../support/builders.ts";

const outcomeOf = (invocation: Invocation) => {
  const fold = { inputs: [], rejected: [], estimateUsd: () => 0 };
  const [outcome] = cohortOutcomes(buildRound(), [deepFreeze(invocation)], fold);
  if (outcome === undefined) throw new Error("no outcome");
  return outcome;
};
const failed = (failure: Invocation["failure"]) =>
  buildReported({ status: "failed", update: null, training: null, failure });

describe("the outcome of an invocation", () => {
  it.each(Object.entries(FAILURE_REASONS))("that failed for %s says so where that lasts", (reason, row) => {
    const { cannot } = outcomeOf(failed({ code: "invalid-argument", reason, message: row.text }));
    expect(cannot).toEqual(row.lasting ? { reason, at: T0 + 11_000 } : undefined);
  });

  it("says nothing without a reason, and of one that is not known", () => {
    for (const reason of [undefined, "constructor", "gpu-on-fire"]) {
      const failure = { code: "internal", message: "x", ...(reason === undefined ? {} : { reason }) };
      expect(outcomeOf(failed(failure)).cannot).toBeUndefined();
    }
  });

  it("says that a client is too old, which it claimed itself, and nothing that another account caused", () => {
    const older = claimedByOlder(buildInvocation(), { known: 1, needed: 2 }, T0 + 5);
    expect(outcomeOf(older ?? buildInvocation())).toMatchObject({
      result: "missed",
      cannot: { reason: "older-release", at: T0 + 5 },
    });
    const other = claimedByOther(buildInvocation(), "mallory@evil.iam.gserviceaccount.com", T0 + 5);
    expect(other?.failure?.code).toBe("other-account");
    expect(outcomeOf(other ?? buildInvocation()).cannot).toBeUndefined();
  });
});

describe("a client's record", () => {
  const cannot = { reason: "bad-data", at: T0 + 9 };
  const known = deepFreeze(buildRecord({ cannot: { ...cannot, round: 1 } }));

  it("keeps why it cannot, with the round", () => {
    const outcome = buildOutcome({ round: 4, result: "failed", cannot });
    expect(foldOutcome(buildRecord(), outcome).cannot).toEqual({ ...cannot, round: 4 });
  });

  it.each(["in-time", "late", "failed", "rejected"] as const)("forgets it once it is %s", (result) => {
    expect(foldOutcome(known, buildOutcome({ round: 7, result })).cannot).toBeUndefined();
  });

  it("keeps it where nothing was heard", () => {
    expect(foldOutcome(known, buildOutcome({ round: 7, result: "missed" })).cannot).toEqual(known.cannot);
  });
});

describe("a roster with clients that changed", () => {
  const at = T0 + 100;
  const shard = deepFreeze(
    buildShard({
      foldedRound: 6,
      clients: {
        "client-a": buildRecord({ cannot: { reason: "bad-data", at, round: 4 } }),
        "client-b": buildRecord(),
      },
    }),
  );
  const changed = (clientId: string, updatedAt: number, more: Partial<ChangedClient> = {}) => [
    { clientId, retired: false, updatedAt, ...more },
  ];
  const cannotOf = (clients: readonly ChangedClient[], clientId: string) =>
    rosterEntries(enrol("run-1", [shard], clients)).find((one) => one.clientId === clientId)?.cannot;

  it("gives the strategy's rule what it knows", () => {
    expect(cannotOf([], "client-a")).toMatchObject({ reason: "bad-data", round: 4 });
    expect(cannotOf([], "client-b")).toBeUndefined();
  });

  it("forgets it of a client that changed afterwards, and of no other", () => {
    expect(cannotOf(changed("client-a", at + 1), "client-a")).toBeUndefined();
    for (const others of [changed("client-a", at), changed("client-b", at + 1)]) {
      expect(cannotOf(others, "client-a")).toMatchObject({ reason: "bad-data" });
      expect(enrol("run-1", [shard], others)[0], "nothing is to be written").toBe(shard);
    }
  });

  it("takes over what a check has found: for its run, or for all", () => {
    for (const runId of ["run-1", null]) {
      const found = { runId, reason: "no-data", at: at + 5 };
      for (const clientId of ["client-a", "client-b", "client-new"]) {
        const clients = changed(clientId, at + 5, { cannot: found });
        expect(cannotOf(clients, clientId)).toEqual({ reason: "no-data", at: at + 5, round: 6 });
        expect(cannotOf(changed(clientId, at + 6, { cannot: found }), clientId), "it changed since").toBe(
          undefined,
        );
      }
    }
    const ofOther = { runId: "run-2", reason: "no-data", at: at + 5 };
    expect(cannotOf(changed("client-b", at + 5, { cannot: ofOther }), "client-b")).toBeUndefined();
  });
});
