// What 0.1 kept of FedLesScan on a round, read as what this release keeps.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { recordingOf } from "../../../../infra/sim/replay/readRecording.ts";
import { fromDocument, toDocument } from "../../../../shared/cloud/store/documents.ts";
import { upgradedRound } from "../../../../shared/core/methods/selection/fedlesscan/release01.ts";
import { FedlesscanState } from "../../../../shared/core/methods/selection/fedlesscan/state.ts";
import { selectCohort } from "../../../../shared/core/methods/selection/selectCohort.ts";
import { readState } from "../../../../shared/core/methods/selection/state.ts";
import { refs } from "../../../../shared/core/ports/store.ts";
import { Invocation } from "../../../../shared/core/schemas/invocation.ts";
import { Round } from "../../../../shared/core/schemas/round.ts";
import { Run } from "../../../../shared/core/schemas/run.ts";
import { buildReported, buildRound, buildRun, buildSpec, T0 } from "../../../support/builders.ts";

/** Stands for Firestore's timestamp. */
class Timestamp {
  readonly #ms: number;
  constructor(ms: number) {
    this.#ms = ms;
  }
  toMillis(): number {
    return this.#ms;
  }
}

const cluster = { size: 3, chosen: 2, meanPredictedMs: 1_050, meanPenaltyMs: 7.5, noise: false };
const round4 = buildRound({ round: 4 });
const { groups: _groups, selectionState: _state, signals: _signals, ...common } = round4;
const written = toDocument(refs.round("run-1", 4), round4, (ms) => new Timestamp(ms));
const { groups: _g, selectionState: _s, signals: _x, schemaVersion: _v, ...before } = written;
/** As 0.1 wrote it. */
const old = { ...before, clusters: [cluster, { ...cluster, noise: true }], clusteringSince: 2 };

describe("a round of 0.1", () => {
  it("has its clusters as groups, and the round of the first as the strategy's state", () => {
    const round = fromDocument(refs.round("run-1", 4), old);
    const figures = [
      { name: "meanPredictedMs", value: 1_050 },
      { name: "meanPenaltyMs", value: 7.5 },
    ];
    expect(round).toEqual({
      ...common,
      groups: [
        { name: "cluster 1", size: 3, chosen: 2, figures },
        { name: "cluster 2", size: 3, chosen: 2, note: "like no others", figures },
      ],
      selectionState: '{"clusteringSince":2}',
      signals: [],
    });
    expect(readState(FedlesscanState, round.selectionState)).toEqual({
      state: { clusteringSince: 2 },
      problem: null,
    });
    const rewritten = toDocument(refs.round("run-1", 4), round, (ms) => new Timestamp(ms));
    expect(rewritten).not.toHaveProperty("clusters");
    expect(rewritten).not.toHaveProperty("clusteringSince");
  });

  it("that made no clusters has neither", () => {
    const round = fromDocument(refs.round("run-1", 4), { ...old, clusters: [], clusteringSince: null });
    expect(round).toMatchObject({ groups: [], selectionState: null });
  });

  it.each([
    ["clusters", { clusters: "many" }, { groups: [], selectionState: '{"clusteringSince":2}' }],
    ["a cluster", { clusters: [{ ...cluster, size: 0 }] }, { groups: [] }],
    ["too many", { clusters: Array.from({ length: 51 }, () => cluster) }, { groups: [] }],
    ["a round's name", { clusteringSince: "two" }, { selectionState: null }],
    ["a round 0", { clusteringSince: 0 }, { selectionState: null }],
  ])("that is not as 0.1 wrote it opens all the same: %s", (_what, change, expected) => {
    expect(fromDocument(refs.round("run-1", 4), { ...old, ...change })).toMatchObject(expected);
  });

  it("is not taken for one where this release has written it already", () => {
    const now = { groups: [{ name: "a" }], selectionState: "1" };
    expect(upgradedRound(now)).toBe(now);
    expect(upgradedRound({ ...now, clusters: [cluster], clusteringSince: 3 })).toEqual(now);
  });

  it("is replayed from an export", () => {
    const { groups, selectionState, signals, ...rest } = z.encode(Round, round4);
    const invocations = round4.cohort.map((clientId) =>
      z.encode(Invocation, buildReported({ clientId, round: 4 })),
    );
    const exported = [
      z.encode(Run, buildRun()),
      { ...rest, clusters: [cluster], clusteringSince: 3 },
      ...invocations,
    ];
    expect([groups, selectionState, signals]).toEqual([[], null, []]);
    const { rounds } = recordingOf("run.json", exported);
    expect(rounds[0]).toMatchObject({ groups: [{ size: 3 }], selectionState: '{"clusteringSince":3}' });
  });
});

it("what 0.1 recorded goes on where it was: the clusters drift from the round that they began in", () => {
  const file = new URL("../../../vectors/documents-0.1.json", import.meta.url);
  const { documents } = JSON.parse(readFileSync(file, "utf8"));
  const path = Object.keys(documents).find((one) => /^runs\/midway-[^/]+\/rounds\/0002$/.test(one)) ?? "";
  const fields = JSON.parse(JSON.stringify(documents[path]), (_key, value) =>
    typeof value === "object" && value !== null && "@timestamp" in value
      ? new Timestamp(Date.parse(value["@timestamp"]))
      : value,
  );
  const round = fromDocument(refs.round("midway", 2), fields);
  expect(Round.shape.groups.safeParse(round.groups).success).toBe(true);
  expect(round.groups).toMatchObject([{ name: "cluster 1", size: 3, chosen: 3 }]);
  const spec = buildSpec({ selection: { strategy: "fedlesscan", cohortSize: 3 } });
  const roster = ["a", "b", "c", "d"].map((clientId, i) => ({
    clientId,
    trainMsHistory: [1_000 * (i + 1)],
    missedRounds: [],
    cooldownRounds: 0,
    invocations: 1,
    lastSelectedRound: 1,
    busyUntilMs: null,
  }));
  const candidates = { roster, state: round.selectionState, limit: 1_000 };
  const next = selectCohort(buildRun({ spec }), 3, candidates, T0);
  expect(next).toMatchObject({ state: '{"clusteringSince":2}', stateProblem: null });
});
