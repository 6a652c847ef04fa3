// What every relay must do; a new one is tested by being in the registry.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { relayFaces } from "../../../../shared/core/methods/registry/relayFaces.ts";
import { RelayOptions } from "../../../../shared/core/methods/relay/options.ts";
import type { RelayMember } from "../../../../shared/core/methods/relay/relayMethod.ts";
import { relayOf } from "../../../../shared/core/methods/relay/relayOf.ts";
import { inParts } from "../../../../shared/core/methods/relay/split.ts";
import { randomFrom } from "../../../../shared/core/random.ts";
import { deepFreeze } from "../../../support/builders.ts";

const member = fc.record<RelayMember>({
  clientId: fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,5}[a-z0-9])?$/),
  workMs: fc.option(fc.double({ min: 0, max: 1e6, noNaN: true })),
  labelShares: fc.option(
    fc.array(fc.nat(5), { minLength: 1, maxLength: 6 }).map((counts) => {
      const total = counts.reduce((sum, count) => sum + count, 0);
      return total === 0 ? [1] : counts.map((count) => count / total);
    }),
  ),
});
const members = fc.uniqueArray(member, { selector: ({ clientId }) => clientId, minLength: 1, maxLength: 40 });
const groupSize = fc.integer({ min: 2, max: 9 });

describe.each(relayFaces.map(({ name }) => name))("%s", (strategy) => {
  const arrange = (all: readonly RelayMember[], size: number, seed = 1) => {
    const options = RelayOptions.parse({ strategy, groupSize: size });
    return relayOf(options).arrange(all, options, randomFrom(seed));
  };

  it("puts every client in one group, none of which is empty or too large, and changes nothing", () => {
    fc.assert(
      fc.property(members, groupSize, (all, size) => {
        const groups = arrange(deepFreeze(all), size);
        expect(groups.flat().toSorted()).toEqual(all.map(({ clientId }) => clientId).toSorted());
        for (const group of groups) {
          expect(group.length).toBeGreaterThanOrEqual(1);
          expect(group.length).toBeLessThanOrEqual(size);
        }
      }),
    );
  });

  it("answers the same whatever order the clients come in", () => {
    fc.assert(
      fc.property(members, groupSize, fc.nat(), (all, size, seed) => {
        expect(arrange(randomFrom(seed).shuffle(all), size)).toEqual(arrange(all, size));
      }),
    );
  });

  it("refuses groups of one and of more than a transaction looks at", () => {
    expect(RelayOptions.safeParse({ strategy, groupSize: 1 }).success).toBe(false);
    expect(RelayOptions.safeParse({ strategy, groupSize: 50 }).success).toBe(true);
    expect(RelayOptions.safeParse({ strategy, groupSize: 51 }).success).toBe(false);
  });
});

describe("chain", () => {
  it("draws other groups with another seed", () => {
    const all = Array.from("abcdefghij", (clientId) => ({ clientId, workMs: null, labelShares: null }));
    const options = RelayOptions.parse({ strategy: "chain", groupSize: 4 });
    const drawn = [1, 2].map((seed) => relayOf(options).arrange(all, options, randomFrom(seed)));
    expect(drawn[0]).not.toEqual(drawn[1]);
    expect(drawn[0]?.map((group) => group.length)).toEqual([3, 3, 4]);
  });
});

describe("inParts", () => {
  it("keeps the order, in parts that differ by one at most and are no more than needed", () => {
    fc.assert(
      fc.property(fc.array(fc.nat()), fc.integer({ min: 1, max: 12 }), (items, most) => {
        const parts = inParts(items, most);
        expect(parts.flat()).toEqual(items);
        expect(parts).toHaveLength(Math.ceil(items.length / most));
        const sizes = parts.map(({ length }) => length);
        if (sizes.length > 0) expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      }),
    );
  });
});
