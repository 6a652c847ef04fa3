// Clients that cannot train sit out rounds, whatever the strategy: the bounds, the words, and what is left of
// the cohort.
import { describe, expect, it } from "vitest";
import { selectionFaces } from "../../../../shared/core/methods/registry/selectionFaces.ts";
import { selectCohort } from "../../../../shared/core/methods/selection/selectCohort.ts";
import { SITS_OUT_ROUNDS, withoutSittingOut } from "../../../../shared/core/methods/selection/sittingOut.ts";
import type { RosterEntry } from "../../../../shared/core/methods/selection/strategy.ts";
import { buildRun, buildSpec, deepFreeze, T0 } from "../../../support/builders.ts";

const entry = (clientId: string, cannot?: RosterEntry["cannot"]): RosterEntry => ({
  clientId,
  trainMsHistory: [],
  missedRounds: [],
  cooldownRounds: 0,
  invocations: 0,
  lastSelectedRound: null,
  busyUntilMs: null,
  ...(cannot === undefined ? {} : { cannot }),
});

describe("withoutSittingOut", () => {
  const roster = deepFreeze([entry("a"), entry("b", { reason: "data-misfit", round: 3 }), entry("c")]);

  it("leaves a client out for so many rounds, the last one included, and says until when and why", () => {
    for (const round of [4, 3 + SITS_OUT_ROUNDS]) {
      const { able, sittingOut } = withoutSittingOut(roster, round);
      expect(able.map(({ clientId }) => clientId)).toEqual(["a", "c"]);
      expect(sittingOut).toEqual([
        {
          clientId: "b",
          chosen: false,
          rank: null,
          reason:
            "left out until round 8, a check of the client, or another registration: " +
            "The client's data do not fit the run's model and loss. (data-misfit)",
        },
      ]);
    }
    expect(withoutSittingOut(roster, 4 + SITS_OUT_ROUNDS)).toEqual({ able: roster, sittingOut: [] });
  });

  it("gives the very roster where nobody sits out: there may be 100,000 clients", () => {
    const all = [entry("a"), entry("b")];
    expect(withoutSittingOut(all, 1).able).toBe(all);
  });

  it("shows a reason of another release or language without taking it for one of ours", () => {
    for (const reason of ["constructor", "to-string", "gpu-on-fire"]) {
      const [out] = withoutSittingOut([entry("a", { reason, round: 1 })], 2).sittingOut;
      expect(out?.reason).toContain(`The client reports "${reason}". (${reason})`);
    }
  });
});

describe.each(selectionFaces.map(({ name }) => name))("%s", (strategy) => {
  const run = buildRun({ spec: buildSpec({ selection: { strategy, cohortSize: 3 } }) });
  const clients = ["a", "b", "c", "d"].map((clientId) =>
    entry(clientId, clientId === "b" ? { reason: "no-data", round: 1 } : undefined),
  );
  const chosen = (round: number) =>
    selectCohort(run, round, { roster: deepFreeze(clients), state: null, limit: 1_000 }, T0);

  it("never invites a client that sits out, and names it before those that it left out itself", () => {
    const selection = chosen(2);
    expect(selection.cohort).toEqual(["a", "c", "d"]);
    expect(selection.considered[0]).toMatchObject({ clientId: "b", chosen: false });
    expect(selection.considered.map(({ clientId }) => clientId).toSorted()).toEqual(["a", "b", "c", "d"]);
    expect(selection.sittingOut.map(({ clientId }) => clientId)).toEqual(["b"]);
  });

  it("invites it again when its rounds are over", () => {
    const selections = Array.from({ length: 20 }, (_, i) => chosen(2 + SITS_OUT_ROUNDS + i));
    expect(selections.some(({ cohort }) => cohort.includes("b"))).toBe(true);
    expect(selections.every(({ sittingOut }) => sittingOut.length === 0)).toBe(true);
  });
});

it("what was published knows nothing of it", () => {
  const selection = { strategy: "fedlesscan", cohortSize: 1, paperFaithful: true };
  const run = buildRun({ spec: buildSpec({ selection, round: { minUpdates: 1 } }) });
  const roster = [entry("a", { reason: "no-data", round: 1 })];
  expect(selectCohort(run, 2, { roster, state: null, limit: 1_000 }, T0).cohort).toEqual(["a"]);
});
