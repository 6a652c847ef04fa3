// Whose turn it is in a relay, what the next client begins from, and what of the groups is folded.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { closeRound } from "../../../shared/core/round/close.ts";
import { foldUpdates } from "../../../shared/core/round/fold.ts";
import { planRound, tasksOfRound } from "../../../shared/core/round/open.ts";
import { whyDegraded } from "../../../shared/core/round/publish.ts";
import {
  groupOf,
  isAtItsTurn,
  isRelayOver,
  mayBeOver,
  PASSED_OVER,
  relaySeconds,
  trainedBefore,
  turnOf,
} from "../../../shared/core/round/relay.ts";
import { claim, report } from "../../../shared/core/round/report.ts";
import { expectedCommands } from "../../../shared/core/round/watch.ts";
import type { Invocation } from "../../../shared/core/schemas/invocation.ts";
import type { Round } from "../../../shared/core/schemas/round.ts";
import {
  buildClient,
  buildInvocation,
  buildReport,
  buildReported,
  buildRound,
  buildRun,
  buildSpec,
  buildStored,
  T0,
} from "../../support/builders.ts";
import { runs } from "../../support/tier.ts";

const IDS = ["ada", "bob", "cy", "dee", "eve"];
const spec = buildSpec({
  selection: { strategy: "random", cohortSize: 5 },
  round: { relay: { strategy: "chain", groupSize: 3 }, deadlineSeconds: 60 },
});
const run = buildRun({ spec });
const places = (ids: readonly string[]) => ids.map((clientId) => ({ clientId, tier: null, reason: "drawn" }));
/** Groups ada, bob, cy and dee, eve. */
const round: Round = buildRound({
  status: "training",
  cohort: IDS,
  relay: { groups: [{ members: places(["ada", "bob", "cy"]) }, { members: places(["dee", "eve"]) }] },
});
const there = () => true;
const DUE = T0 + 60_000;

type Relay = NonNullable<Invocation["relay"]>;
function turn(
  clientId: string,
  group: number,
  hop: number,
  parts: Partial<Invocation> = {},
  relay: Partial<Relay> = {},
) {
  return buildInvocation({
    clientId,
    round: round.round,
    ...parts,
    relay: { group, hop, from: [], dueAt: DUE, ...relay },
  });
}
function reported(
  clientId: string,
  group: number,
  hop: number,
  from: readonly string[] = [],
  relay: Partial<Relay> = {},
) {
  const { status, update, training, reportedAt } = buildReported({ clientId });
  const starts = from.map((before) => startOf(before));
  return turn(
    clientId,
    group,
    hop,
    { status, update, training, reportedAt, attempt: 1 },
    { from: starts, ...relay },
  );
}
function startOf(clientId: string) {
  const { update } = buildReported({ clientId });
  if (update === null) throw new Error("unreachable");
  return { clientId, ...update };
}

describe("turnOf", () => {
  it("waits while the client whose turn it is has time left, and passes it over at its deadline", () => {
    const first = turn("ada", 1, 1, { status: "training", attempt: 1, claimedAt: T0 });
    expect(turnOf(round, 1, [first], there, DUE - 1)).toEqual({ kind: "waits", current: first });
    expect(turnOf(round, 1, [first], there, DUE)).toMatchObject({
      kind: "passes",
      hop: 2,
      place: { clientId: "bob" },
      from: [],
      skipped: {
        clientId: "ada",
        status: "training",
        relay: { skippedAt: DUE },
        failure: { code: "missed" },
      },
    });
  });

  it("goes on at once after a report, from the newest good updates, the newest first", () => {
    const [ada, bob] = [reported("ada", 1, 1), reported("bob", 1, 2, ["ada"])];
    expect(turnOf(round, 1, [ada], there, T0)).toMatchObject({
      kind: "passes",
      skipped: null,
      hop: 2,
      from: [{ clientId: "ada", attempt: 1 }],
    });
    expect(turnOf(round, 1, [bob, ada], there, T0)).toMatchObject({
      hop: 3,
      from: [{ clientId: "bob" }, { clientId: "ada" }],
    });
  });

  it("hands on no update of a client that failed, or that came after its turn", () => {
    const failed = turn("bob", 1, 2, { status: "failed", reportedAt: T0 });
    expect(turnOf(round, 1, [reported("ada", 1, 1), failed], there, T0)).toMatchObject({
      hop: 3,
      from: [{ clientId: "ada" }],
    });
    const late = { ...reported("ada", 1, 1, [], { skippedAt: DUE }), status: "expired" as const };
    expect(turnOf(round, 1, [late], there, DUE + 5)).toMatchObject({ hop: 2, from: [], skipped: null });
  });

  it("leaves out a client that is not registered any more, and ends with the last one", () => {
    const ada = reported("ada", 1, 1);
    expect(turnOf(round, 1, [ada], (id) => id !== "bob", T0)).toMatchObject({ kind: "passes", hop: 3 });
    expect(turnOf(round, 1, [ada], () => false, T0)).toEqual({ kind: "over", skipped: null });
    expect(turnOf(round, 1, [reported("cy", 1, 3)], there, T0)).toEqual({ kind: "over", skipped: null });
    expect(turnOf(round, 1, [turn("cy", 1, 3)], there, DUE)).toMatchObject({
      kind: "over",
      skipped: { clientId: "cy" },
    });
  });
});

describe("a round with a relay", () => {
  const considered = IDS.map((clientId, i) => ({ clientId, chosen: true, reason: "drawn", rank: i + 1 }));
  const clients = new Map(IDS.map((clientId) => [clientId, buildClient({ clientId })]));
  const selection = { cohort: IDS, considered };
  const plan = planRound(
    run,
    { round: 4, baseVersion: 3 },
    { selection, clients, rosterAsOfAt: 0, openUsd: 0 },
    T0,
  );

  it("invites the first client of each group, with a deadline of its own", () => {
    const groups = plan.round.relay?.groups ?? [];
    expect(groups.map(({ members }) => members.length)).toEqual([2, 3]);
    expect(plan.round.cohort).toEqual(IDS);
    expect(plan.invocations.map(({ clientId }) => clientId)).toEqual(
      groups.map(({ members }) => members[0]?.clientId),
    );
    expect(plan.invocations.map(({ relay }) => relay)).toEqual([
      { group: 1, hop: 1, from: [], dueAt: DUE },
      { group: 2, hop: 1, from: [], dueAt: DUE },
    ]);
    expect(plan.invocations[1]?.reason).toBe("drawn; turn 1 of group 2, from the version");
    expect(plan.round.deadlineAt).toBe(T0 + 4 * 60_000);
    expect(relaySeconds(groups, 60)).toBe(240);
    expect(groupOf(plan.round, groups[1]?.members[2]?.clientId ?? "")).toBe(2);
    expect(groupOf(plan.round, "nobody")).toBeNull();
  });

  it("asks for the task at each turn's deadline before the call", () => {
    const kinds = tasksOfRound(plan.round, plan.invocations).map(({ kind }) => kind);
    expect(kinds).toEqual(["close-round", "pass-on", "invoke", "pass-on", "invoke"]);
  });

  it("lets the watchdog ask for the turns under way, and not for a client that was passed over", () => {
    const skipped = turn("ada", 1, 1, { invokedAt: T0 }, { skippedAt: T0 });
    const all = [
      skipped,
      turn("bob", 1, 2, { invokedAt: T0 }),
      reported("dee", 2, 1),
      reported("eve", 2, 2, ["dee"]),
    ];
    const asked = expectedCommands(run, round, all, [], T0 + 60_000);
    expect(
      asked.map((one) => [one.kind, "clientId" in one ? one.clientId : "group" in one ? one.group : ""]),
    ).toEqual([
      ["pass-on", 1],
      ["close-round", ""],
      ["pass-on", 1],
      ["invoke", "bob"],
    ]);
  });

  it("is over when every group has had its turns", () => {
    const over = [reported("ada", 1, 1), reported("bob", 1, 2), reported("cy", 1, 3), reported("dee", 2, 1)];
    expect(isRelayOver(round, over, there, T0)).toBe(false);
    expect(isRelayOver(round, over, (id) => id !== "eve", T0)).toBe(true);
    expect(isRelayOver(round, [...over, turn("eve", 2, 2)], there, T0)).toBe(false);
    expect(isRelayOver(round, [...over, reported("eve", 2, 2)], there, T0)).toBe(true);
  });

  it("is never taken to go on by a count, or by those without an answer, where it is over", () => {
    const openedAt = DUE - 60_000;
    const end = fc.constantFrom("passed over", "reported", "failed");
    const group = fc.record({ started: fc.integer({ min: 2, max: 3 }), isLastAtWork: fc.boolean() });
    let over = 0;
    fc.assert(
      fc.property(
        fc.tuple(group, group),
        fc.tuple(end, end, end, end, end),
        fc.nat({ max: 120_000 }),
        (groups, ends, afterMs) => {
          const nowMs = openedAt + afterMs;
          const invocations = IDS.flatMap((clientId, i) => {
            const [number, hop] = i < 3 ? [1, i + 1] : [2, i - 2];
            const { started, isLastAtWork } = groups[number - 1] ?? { started: 0, isLastAtWork: false };
            const last = Math.min(started, number === 1 ? 3 : 2);
            if (hop > last) return [];
            if (hop === last && isLastAtWork) return [turn(clientId, number, hop)];
            if (ends[i] === "failed")
              return [turn(clientId, number, hop, { status: "failed", reportedAt: T0 })];
            // Nobody is passed over before the first turns are due.
            if (ends[i] === "reported" || nowMs < DUE) return [reported(clientId, number, hop)];
            return [turn(clientId, number, hop, {}, { skippedAt: DUE })];
          });
          if (!isRelayOver(round, invocations, there, nowMs)) return;
          over++;
          const silent = invocations.filter(({ status }) => status === "invoked" || status === "training");
          expect(mayBeOver({ openedAt }, 60, silent.length, nowMs)).not.toBe(false);
          expect(silent.some(isAtItsTurn)).toBe(false);
        },
      ),
      { numRuns: runs(300) },
    );
    expect(over).toBeGreaterThan(0);
  });

  it("goes on by a count alone until the first turns are due, inclusive", () => {
    const openedAt = T0;
    expect(mayBeOver({ openedAt }, 60, 0, T0)).toBe(true);
    expect(mayBeOver({ openedAt }, 60, 1, T0 + 59_999)).toBe(false);
    expect(mayBeOver({ openedAt }, 60, 1, T0 + 60_000)).toBeNull();
    expect(isAtItsTurn(turn("ada", 1, 1))).toBe(true);
    expect(isAtItsTurn(turn("ada", 1, 1, {}, { skippedAt: DUE }))).toBe(false);
    expect(isAtItsTurn(reported("ada", 1, 1))).toBe(false);
  });

  it("closes when it is over, whatever the number of updates, and is not extended at its deadline", () => {
    const counts = { reported: 5, failed: 0 };
    const open = { ...round, deadlineAt: DUE };
    expect(closeRound(open, spec, counts, "report", T0).kind).toBe("wait");
    expect(closeRound(open, spec, { ...counts, relayIsOver: true }, "report", T0)).toMatchObject({
      kind: "aggregate",
      round: { closeReason: "all-reported" },
    });
    expect(closeRound(open, spec, { reported: 0, failed: 0 }, "deadline", DUE)).toMatchObject({
      kind: "aggregate",
      round: { closeReason: "too-few-updates", extended: false },
    });
  });
});

describe("a client that was passed over", () => {
  const skipped = turn("ada", 1, 1, { status: "training", attempt: 1, claimedAt: T0 }, { skippedAt: DUE });

  it("claims in vain", () => {
    const verdict = claim(round, { ...skipped, status: "invoked" }, true, 0, DUE + 1);
    expect(verdict).toMatchObject({ kind: "over", reason: expect.stringContaining(PASSED_OVER) });
  });

  it("reports an update that expires, in its round and after it", () => {
    for (const status of ["training", "aggregating"] as const) {
      const decided = report(
        run,
        { ...round, status },
        skipped,
        buildReport({ attempt: 1 }),
        buildStored(),
        1,
        DUE + 1,
      );
      expect(decided.receipt).toEqual({ status: "expired", reason: PASSED_OVER });
      expect(decided.invocation?.status).toBe("expired");
    }
  });

  it("is not what a client is that has its turn", () => {
    const own = turn("ada", 1, 1, { status: "training", attempt: 1, claimedAt: T0 });
    expect(
      report(run, round, own, buildReport({ attempt: 1 }), buildStored(), 1, DUE + 1).receipt.status,
    ).toBe("reported");
  });
});

it("a report says how many of the updates it was handed it could not use", () => {
  const own = turn(
    "bob",
    1,
    2,
    { status: "training", attempt: 1, claimedAt: T0 },
    { from: [startOf("ada")] },
  );
  const told = buildReport({ attempt: 1 });
  if (told.result.kind === "failure") throw new Error("unreachable");
  const request = { ...told, result: { ...told.result, passedOver: 1 } };
  const decided = report(run, round, own, request, buildStored(), 1, T0 + 1).invocation;
  expect(decided?.relay?.passedOver).toBe(1);
  expect(trainedBefore(decided as Invocation, new Map([["ada", reported("ada", 1, 1)]]))).toEqual([]);
});

describe("the fold of a relay", () => {
  const model = [{ name: "w", shape: [1] }];
  const folding = { ...round, status: "aggregating" as const };
  const samples = (clientId: string) => 10 * (IDS.indexOf(clientId) + 1);
  const own = (invocation: Invocation): Invocation => ({
    ...invocation,
    training: invocation.training && { ...invocation.training, samples: samples(invocation.clientId) },
  });

  /** Each update is a number; those of the clients named cannot be read. */
  async function folded(invocations: readonly Invocation[], bad: readonly string[] = []) {
    const read: string[] = [];
    const many = { ...run, spec: { ...spec, aggregation: { ...spec.aggregation, maxSamplesRatio: 1_000 } } };
    const fold = await foldUpdates(
      many,
      folding,
      model,
      invocations.map(own),
      {
        async *updates(wanted) {
          for (const one of wanted) {
            const { clientId } = one.update;
            read.push(clientId);
            const value = IDS.indexOf(clientId) + 1;
            yield bad.includes(clientId)
              ? [one, { ok: false, problems: [{ code: "unreadable", message: "garbage", tensor: null }] }]
              : [
                  one,
                  {
                    ok: true,
                    delta: [{ name: "w", shape: [1], values: new Float32Array([value]) }],
                    norm: value,
                    scale: 1,
                  },
                ];
          }
        },
        block: () => Promise.reject(new Error("not here")),
        base: async () => [{ name: "w", shape: [1], values: new Float32Array([100]) }],
        state: async () => null,
      },
      1e9,
    );
    const made = fold.consumed.length === 0 ? null : await fold.finish();
    return {
      read,
      consumed: fold.consumed.map(({ clientId, group, weight }) => [
        clientId,
        group,
        Math.round(weight * 1e6) / 1e6,
      ]),
      dropped: fold.dropped.map(({ clientId, fate }) => [clientId, fate]),
      value: made?.kind === "sound" ? made.weights[0]?.values[0] : null,
      degraded: whyDegraded(many, fold.consumed),
    };
  }

  const groupOne = [
    reported("ada", 1, 1),
    reported("bob", 1, 2, ["ada"]),
    reported("cy", 1, 3, ["bob", "ada"]),
  ];
  const groupTwo = [reported("dee", 2, 1), reported("eve", 2, 2, ["dee"])];

  it("takes the last model of each group, with the samples of all that it is made of", async () => {
    // cy's update of 3 has 10 + 20 + 30 samples, eve's of 5 has 40 + 50.
    expect(await folded([...groupOne, ...groupTwo])).toEqual({
      read: ["cy", "eve"],
      consumed: [
        ["ada", 1, 0.066667],
        ["bob", 1, 0.133333],
        ["cy", 1, 0.2],
        ["dee", 2, 0.266667],
        ["eve", 2, 0.333333],
      ],
      dropped: [],
      value: Math.fround(100 + (60 * 3 + 90 * 5) / 150),
      degraded: null,
    });
  });

  it("takes the last good model where the last one is bad", async () => {
    expect(await folded([...groupOne, ...groupTwo], ["cy", "eve", "dee"])).toMatchObject({
      read: ["cy", "eve", "bob", "dee"],
      consumed: [
        ["ada", 1, 0.333333],
        ["bob", 1, 0.666667],
      ],
      dropped: [
        ["cy", "rejected"],
        ["eve", "rejected"],
        ["dee", "rejected"],
      ],
      value: 102,
    });
  });

  it("leaves out, without blame, what a later client has passed over", async () => {
    const passing = reported("cy", 1, 3, ["bob", "ada"], { passedOver: 1 });
    expect(await folded([reported("ada", 1, 1), reported("bob", 1, 2, ["ada"]), passing])).toMatchObject({
      consumed: [
        ["ada", 1, 0.25],
        ["cy", 1, 0.75],
      ],
      dropped: [["bob", "expired"]],
      value: 103,
    });
  });

  it("makes no version where no group has a good model", async () => {
    expect(await folded(groupTwo, ["dee", "eve"])).toMatchObject({
      consumed: [],
      value: null,
      degraded: expect.stringContaining("in the last models of 0 groups"),
    });
  });

  it("lets updates of an earlier round expire", async () => {
    const earlier = { ...reported("ada", 1, 1), round: round.round - 1 };
    expect(await folded([earlier, ...groupTwo])).toMatchObject({ dropped: [["ada", "expired"]], value: 105 });
  });

  it("needs as many groups as the aggregation needs updates", async () => {
    const few = { ...run, spec: { ...spec, aggregation: { ...spec.aggregation, ...robust() } } };
    const consumed = ["ada", "bob", "cy"].map((clientId) => ({
      ...{ round: 1, clientId, attempt: 1, samples: 1, staleness: 0, weight: 1 / 3 },
      group: 1,
    }));
    expect(whyDegraded(few, consumed)).toMatch(
      /^3 updates .* of 1 groups, and aggregation.strategy multi-krum needs 5/,
    );
  });

  function robust() {
    return buildSpec({
      selection: { strategy: "random", cohortSize: 5 },
      round: { minUpdates: 5 },
      aggregation: { strategy: "multi-krum", maxMalicious: 1 },
    }).aggregation;
  }
});
