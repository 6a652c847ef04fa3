// Which state a client goes on from, by what its report came to.
import { expect, it } from "vitest";
import { stateAfterReport } from "../../../shared/core/round/clientState.ts";
import type { ClientState } from "../../../shared/core/schemas/clientState.ts";
import { Receipt, type ReportRequest } from "../../../shared/core/schemas/protocol.ts";
import { buildClientState, buildReport, deepFreeze, T0 } from "../../support/builders.ts";

const named = { sizeBytes: 7, sha256: "b".repeat(64) };

function reportOf(round: number, attempt: number): ReportRequest {
  const { result, ...rest } = buildReport({ round, attempt });
  if (result.kind === "failure") throw new Error("buildReport brings an update");
  return deepFreeze({ ...rest, result: { ...result, clientState: named } });
}

function stateOf(round: number): ClientState {
  return deepFreeze(buildClientState({ round, attempt: 3 }));
}

const taken: Receipt = { status: "reported", reason: null };

it("is what the report names, of its own attempt", () => {
  const request = reportOf(2, 4);
  const { runId, clientId } = request;
  const next = { runId, clientId, round: 2, attempt: 4, ...named, updatedAt: T0 + 5 };
  expect(stateAfterReport(null, request, taken, T0 + 5)).toEqual(next);
  expect(stateAfterReport(stateOf(1), request, taken, T0 + 5)).toEqual(next);
});

it.each(Receipt.shape.status.options)("of a report that is %s", (status) => {
  const counts = status === "reported" || status === "late";
  expect(stateAfterReport(null, reportOf(2, 1), { status, reason: null }, T0) !== null).toBe(counts);
});

it.each([
  [1, true],
  [2, false],
  [3, false],
])("one of round %d gives way to a report of round 2: %s", (round, givesWay) => {
  expect(stateAfterReport(stateOf(round), reportOf(2, 1), taken, T0) !== null).toBe(givesWay);
});

it("stays as it is where the report names none", () => {
  expect(stateAfterReport(stateOf(1), buildReport({ round: 2 }), taken, T0)).toBeNull();
  const failure = { kind: "failure" as const, failure: { code: "internal", message: "x" } };
  expect(stateAfterReport(null, buildReport({ round: 2, result: failure }), taken, T0)).toBeNull();
});
