// Jain's index of how often clients were invited, against values computed by hand.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { participation } from "../../../shared/core/roster/participation.ts";
import { Participation } from "../../../shared/core/schemas/participation.ts";

const roster = (...invocations: number[]) =>
  invocations.map((times, i) => ({ clientId: `client-${i}`, invocations: times }));

describe("participation", () => {
  test("is even where all were invited equally often", () => {
    expect(participation(roster(3, 3, 3, 3), [])).toEqual({ clients: 4, invited: 4, evenness: 1 });
    expect(participation(roster(1, 0), ["client-1"])).toEqual({ clients: 2, invited: 2, evenness: 1 });
  });

  test("is one over the clients where one alone ever was", () => {
    expect(participation(roster(0, 0, 0, 0), ["client-2"])).toEqual({
      clients: 4,
      invited: 1,
      evenness: 0.25,
    });
  });

  test("is Jain's index in between: (1+2+3)² ÷ (3 × 14)", () => {
    expect(participation(roster(1, 2, 3), [])?.evenness).toBeCloseTo(36 / 42, 15);
  });

  test("is of nobody where there is nobody, and even before the first invitation", () => {
    expect(participation([], ["client-0"])).toBeUndefined();
    expect(participation(roster(0, 0), [])).toEqual({ clients: 2, invited: 0, evenness: 1 });
  });

  test("is within its bounds, whatever the invitations", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(9_999), { minLength: 1, maxLength: 100 }), (times) => {
        const found = Participation.parse(participation(roster(...times), ["client-0"]));
        expect(found.evenness).toBeGreaterThanOrEqual(1 / times.length - 1e-12);
      }),
    );
  });
});
