// What a run keeps of label counts: only what it has asked for, as shares of what an update counts for, and
// how alike two of them are.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rosterEntries } from "../../../shared/core/roster/enrol.ts";
import { foldOutcome } from "../../../shared/core/roster/fold.ts";
import { updateOf } from "../../../shared/core/round/inbox.ts";
import {
  asksLabels,
  keptShares,
  labelSimilarity,
  labelsAsked,
  labelsOfReport,
  sharesOf,
  withLabels,
} from "../../../shared/core/round/labels.ts";
import { cohortOutcomes } from "../../../shared/core/round/outcomes.ts";
import { LabelShares } from "../../../shared/core/schemas/labelCounts.ts";
import {
  buildOutcome,
  buildRecord,
  buildReported,
  buildRound,
  buildShard,
  buildSpec,
} from "../../support/builders.ts";

const boosted = buildSpec({ aggregation: { strategy: "adasgd", boost: "by-labels" } });
const others = [buildSpec(), buildSpec({ aggregation: { strategy: "adasgd" } })];

describe("what is asked", () => {
  it("is nothing but by a run that boosts by labels", () => {
    expect(asksLabels(boosted)).toBe(true);
    expect(labelsAsked(boosted)).toEqual({ labelCounts: true });
    for (const spec of others) expect(labelsAsked(spec)).toEqual({});
  });

  it("is what is kept of a report, even if more is told", () => {
    expect(labelsOfReport(boosted, [3, 0])).toEqual({ labelCounts: [3, 0] });
    expect(labelsOfReport(boosted, undefined)).toEqual({});
    expect(labelsOfReport(boosted, [0, 0])).toEqual({});
    for (const spec of others) expect(labelsOfReport(spec, [3, 0])).toEqual({});
  });
});

describe("the sum of label counts", () => {
  it("grows by what an update counts for, however large its counts are", () => {
    expect(withLabels([1, 2], [0, 3, 1], 8)).toEqual([1, 8, 2]);
    expect(withLabels([], [1e12, 1e12], 4)).toEqual([2, 2]);
    const known = Object.freeze([5]);
    expect(withLabels(known, [1], 1)).toEqual([6]);
  });
});

describe("the similarity of labels", () => {
  it("is the Bhattacharyya coefficient", () => {
    // √(½ · ¼) + √(½ · ¾).
    expect(labelSimilarity([1, 1], [25, 75])).toBeCloseTo(Math.sqrt(1 / 8) + Math.sqrt(3 / 8), 12);
    expect(labelSimilarity([4, 0], [0, 4])).toBe(0);
    expect(labelSimilarity([2, 6, 0], [1, 3])).toBeCloseTo(1, 12);
  });

  it("is 1 where nothing is known", () => {
    expect(labelSimilarity([1], [])).toBe(1);
    expect(labelSimilarity([0, 0], [1])).toBe(1);
  });

  it("is symmetric and within 0 and 1", () => {
    const counts = fc.array(fc.nat({ max: 1e9 }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(counts, counts, (one, other) => {
        const similarity = labelSimilarity(one, other);
        expect(similarity).toBeGreaterThanOrEqual(0);
        expect(similarity).toBeLessThanOrEqual(1);
        expect(labelSimilarity(other, one)).toBeCloseTo(similarity, 12);
      }),
    );
  });
});

describe("what the roster keeps of labels", () => {
  it("is asked for by astraea, and by no other relay", () => {
    const asked = (strategy: string) => asksLabels(buildSpec({ round: { relay: { strategy } } }));
    expect(asked("astraea")).toBe(true);
    expect(asked("chain")).toBe(false);
    expect(asked("fedhisyn")).toBe(false);
  });

  it("is two digits for each label, of which shares are made that sum to 1", () => {
    expect(keptShares([3, 0, 1])).toBe("bf0040");
    expect(sharesOf("bf0040")).toEqual([191 / 255, 0, 64 / 255]);
    expect(keptShares([1e12])).toBe("ff");
    expect(sharesOf("ff")).toEqual([1]);
    expect(sharesOf("0000")).toBeNull();
  });

  it("is of a hundred labels at most, the others counting as their remainder", () => {
    const counts = Array.from({ length: 1_000 }, (_, label) => (label === 7 || label === 907 ? 1 : 0));
    const kept = keptShares(counts);
    expect(kept).toHaveLength(200);
    expect(sharesOf(kept)?.[7]).toBe(1);
    expect(LabelShares.parse(kept)).toBe(kept);
    expect(LabelShares.safeParse(`${kept}00`).success).toBe(false);
    expect(LabelShares.safeParse("f").success).toBe(false);
  });

  it("is in the outcomes of a relay alone, and from there in the roster, until something newer comes", () => {
    const invocation = buildReported({ clientId: "ada", labelCounts: [1, 1] });
    const none = { rejected: [], estimateUsd: () => 0 };
    const inputs = [updateOf(invocation)].filter((update) => update !== null);
    const relayed = buildRound({ cohort: ["ada"], relay: { groups: [] } });
    const [outcome] = cohortOutcomes(relayed, [invocation], { ...none, inputs });
    expect(outcome?.labelShares).toBe("8080");
    const [plain] = cohortOutcomes(buildRound({ cohort: ["ada"] }), [invocation], { ...none, inputs });
    expect(plain).not.toHaveProperty("labelShares");
    const record = foldOutcome(buildRecord(), outcome ?? buildOutcome());
    expect(record.labelShares).toBe("8080");
    expect(foldOutcome(record, buildOutcome()).labelShares).toBe("8080");
    const [entry] = rosterEntries([buildShard({ clients: { ada: record } })]);
    expect(entry?.labelShares).toBe("8080");
  });
});
