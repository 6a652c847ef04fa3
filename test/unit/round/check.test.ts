// A check of a client: one at a time, until when it is waited for, and what is said where nothing is heard.
import { describe, expect, it } from "vitest";
import {
  askCheck,
  callCheck,
  checkCommands,
  checkedClient,
  checkOfOlder,
  claimCheck,
  claimedCheckByOther,
  lookedAt,
  openCheck,
  reportCheck,
  shownCheck,
  withCheck,
} from "../../../shared/core/round/check.ts";
import { type Check, type ClientChecks, MAX_CHECKS } from "../../../shared/core/schemas/check.ts";
import { MAX_DOCUMENT_BYTES, storedBytes } from "../../../shared/core/schemas/documentSize.ts";
import { buildClient, buildFacts, deepFreeze, T0 } from "../../support/builders.ts";
import { refusal } from "../../support/refusal.ts";

const client = deepFreeze(buildClient());
const wish = { runId: "run-1", data: null, askedBy: "operator@example.org" };
const { check, checks } = deepFreeze(askCheck(null, client, wish, T0));
const running = claimed(check);
const facts = buildFacts();
const misfit = {
  code: "invalid-argument",
  reason: "data-misfit",
  message: "The samples x have another shape.",
};

function claimed(of: Check, nowMs = T0 + 10): Check {
  const verdict = claimCheck(of, nowMs);
  if (verdict.kind !== "granted") throw new Error(verdict.reason);
  return deepFreeze(verdict.check);
}

describe("asking for a check", () => {
  it("waits as long as the function may take, and two minutes", () => {
    expect(check).toMatchObject({ number: 1, status: "asked", runId: "run-1", problems: [] });
    expect(check.untilAt).toBe(T0 + 540_000 + 120_000);
    expect(checkCommands(check)).toEqual([
      { kind: "check-client", clientId: "client-a", number: 1, pass: 1 },
    ]);
    expect(callCheck(check)).toEqual({
      kind: "check",
      clientId: "client-a",
      number: 1,
      url: client.url,
      timeoutSeconds: 540,
    });
  });

  it("is refused while one is open, and not a moment longer", () => {
    for (const open of [check, running]) {
      const known = withCheck(checks, open, T0);
      const error = refusal(() => askCheck(known, client, wish, check.untilAt - 1));
      expect(error).toMatchObject({ code: "failed-precondition", retry: { afterMs: 1 } });
      expect(error.message).toContain("Check 1 of client client-a is not over");
      expect(refusal(() => askCheck(known, client, wish, T0)).retry).toEqual({ afterMs: 5_000 });
      const next = askCheck(known, client, wish, check.untilAt);
      expect(next.check.number).toBe(2);
      expect(next.checks.checks.map(({ status }) => status)).toEqual(["asked", "unanswered"]);
    }
  });

  it("keeps so many, newest first, far below what a document takes", () => {
    let known: ClientChecks | null = null;
    const problems = Array.from({ length: 8 }, () => ({ ...misfit, message: "ä".repeat(2_000) }));
    for (let i = 0; i < MAX_CHECKS + 3; i++) {
      const asked = askCheck(known, client, wish, T0 + i);
      const over = reportCheck(asked.check, { facts, problems }, T0 + i);
      known = withCheck(asked.checks, over ?? asked.check, T0 + i);
    }
    expect(known?.checks.map(({ number }) => number)).toEqual(
      Array.from({ length: MAX_CHECKS }, (_, i) => MAX_CHECKS + 3 - i),
    );
    expect(storedBytes(known)).toBeLessThan(MAX_DOCUMENT_BYTES / 2);
  });
});

describe("a claim", () => {
  it("may be repeated, as an instance may have died, but not for ever", () => {
    let again = running;
    for (let i = 2; i <= 10; i++) again = claimed(again, T0 + i);
    expect(again).toMatchObject({ status: "running", attempts: 10, claimedAt: T0 + 10 });
    expect(claimCheck(again, T0)).toMatchObject({
      kind: "over",
      reason: expect.stringContaining("10 times"),
    });
  });

  it("finds nothing once the check is over, or its time", () => {
    const over = reportCheck(running, { facts, problems: [] }, T0 + 20) ?? running;
    expect(claimCheck(over, T0 + 21)).toMatchObject({
      kind: "over",
      reason: expect.stringContaining("passed"),
    });
    expect(claimCheck(check, check.untilAt)).toMatchObject({ kind: "over" });
    expect(claimCheck(check, check.untilAt - 1)).toMatchObject({ kind: "granted" });
  });

  it("is only of the client's last check", () => {
    const next = askCheck(withCheck(checks, check, T0), client, wish, check.untilAt);
    expect(openCheck(next.checks, 1)).toBeNull();
    expect(openCheck(next.checks, 2)).toEqual(next.check);
    expect(openCheck(null, 1)).toBeNull();
  });
});

describe("a report", () => {
  it("passes or fails the check, once", () => {
    const passed = reportCheck(running, { facts, problems: [] }, T0 + 20);
    expect(passed).toMatchObject({ status: "passed", facts, endedAt: T0 + 20 });
    const failed = reportCheck(running, { facts, problems: [misfit] }, T0 + 20);
    expect(failed).toMatchObject({ status: "failed", facts, problems: [misfit] });
    for (const over of [passed, failed]) {
      if (over === null) throw new Error("it counts");
      expect(reportCheck(over, { facts, problems: [] }, T0 + 21)).toBeNull();
    }
  });

  it("counts also where nobody waited for it any more", () => {
    const late = shownCheck(running, check.untilAt);
    expect(late.status).toBe("unanswered");
    expect(reportCheck(late, { facts, problems: [] }, check.untilAt + 1)).toMatchObject({ status: "passed" });
  });

  it("has the client invited again, or says why not, where that lasts", () => {
    const cannot = (problems: Check["problems"]) =>
      checkedClient(client, { ...running, problems: [...problems] }, T0 + 30);
    expect(cannot([])).toEqual({ ...client, updatedAt: T0 + 30 });
    expect(cannot([misfit])).toMatchObject({
      updatedAt: T0 + 30,
      cannot: { runId: "run-1", reason: "data-misfit", at: T0 + 30 },
    });
    const passing = { code: "unavailable", reason: "training-failed", message: "x" };
    expect(cannot([passing]).cannot).toBeUndefined();
    expect(cannot([passing, misfit]).cannot?.reason).toBe("data-misfit");
    const before = { ...client, cannot: { runId: null, reason: "no-data", at: T0 } };
    expect(checkedClient(before, running, T0 + 30).cannot).toBeUndefined();
  });
});

describe("a look at the call", () => {
  const wait = { lastAnswer: null };

  it("is made less and less often, and never after the time is over", () => {
    const pauses = [2, 3, 4, 5, 6, 7, 8, 9, 30].map((pass) => {
      const { againAtMs } = lookedAt(check, wait, pass, T0);
      return (againAtMs ?? 0) - T0;
    });
    expect(pauses).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000, 30_000]);
    expect(lookedAt(check, wait, 9, check.untilAt - 7).againAtMs).toBe(check.untilAt);
    const last = lookedAt(check, wait, 9, check.untilAt);
    expect(last).toMatchObject({ againAtMs: null, callOff: true, check: { status: "unanswered" } });
  });

  it("changes nothing of what is over", () => {
    const over = checkOfOlder(check, { known: 1, needed: 2 }, T0 + 5);
    expect(over).toMatchObject({ status: "failed", problems: [{ reason: "older-release" }] });
    expect(lookedAt(over, null, 3, T0 + 9)).toEqual({ check: over, againAtMs: null, callOff: false });
  });

  it.each<[string, Check, string | null, string, RegExp]>([
    [
      "nothing was seen",
      check,
      null,
      "unreachable",
      /how its calls ended was not seen; .* until 2026-03-01T12:11:00/,
    ],
    [
      "the address is wrong",
      check,
      "connect ECONNREFUSED 10.0.0.1:443",
      "unreachable",
      /cannot be reached\. The queue/,
    ],
    [
      "the token is refused",
      check,
      "HTTP status code 401",
      "not-let-in",
      /CLIENT_URL is to be this very address/,
    ],
    [
      "the queue is refused",
      check,
      "UNAUTHENTICATED(16): HTTP status code 403",
      "not-let-in",
      /roles\/run\.invoker/,
    ],
    ["it knows no checks", check, "HTTP status code 404", "knows-no-checks", /release before checks: deploy/],
    ["it does not start", check, "HTTP status code 503", "fails-to-start", /fails before it claims/],
    [
      "it dies at work",
      running,
      "HTTP status code 500",
      "no-report",
      /began once and never reported: it ran out of memory \(.*2048 MiB\)/,
    ],
  ])("says what is known where %s", (_, of, lastAnswer, reason, message) => {
    const seen = lookedAt(of, lastAnswer === null ? wait : { lastAnswer }, 2, T0 + 500).check;
    const { check: given, callOff } = lookedAt(seen.status === "unanswered" ? of : seen, null, 3, T0 + 1_500);
    const over = seen.status === "unanswered" ? seen : given;
    expect(callOff).toBe(false);
    expect(over.status).toBe("unanswered");
    expect(over.problems).toHaveLength(1);
    expect(over.problems[0]).toMatchObject({ code: "unavailable", reason });
    expect(over.problems[0]?.message).toMatch(message);
    expect(over.problems[0]?.message.length).toBeLessThan(2_000);
  });

  it.each([401, 403, 404, 405])("makes no further call after %i: the answer would be the same", (status) => {
    const seen = lookedAt(check, { lastAnswer: `HTTP status code ${status}` }, 2, T0);
    expect(seen).toMatchObject({ againAtMs: null, callOff: true, check: { status: "unanswered" } });
    const later = lookedAt(running, { lastAnswer: `HTTP status code ${status}` }, 2, T0);
    expect(later.check.status, "it has begun").toBe("running");
  });

  it("names the account that claimed in the client's place, once, and takes no reason from it", () => {
    const other = claimedCheckByOther(check, `mallory@${"x".repeat(400)}`);
    expect(other?.otherAccount).toHaveLength(320);
    expect(claimedCheckByOther(other ?? check, "eve@example.org")).toBeNull();
    expect(claimedCheckByOther(running, "eve@example.org")).toBeNull();
    const over = lookedAt({ ...check, otherAccount: "m@evil.org" }, null, 3, T0 + 1).check;
    expect(over.problems[0]?.reason).toBe("wrong-account");
    expect(over.problems[0]?.message).toContain(`registered with ${client.serviceAccount}`);
    expect(checkedClient(client, over, T0).cannot, "no other party has a client left out").toBeUndefined();
  });
});
