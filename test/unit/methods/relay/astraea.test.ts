// Astraea's groups: held to the Kullback-Leibler divergence from all clients' labels, computed by hand and
// over shards of two labels each.
import { describe, expect, it } from "vitest";
import { behaviour, divergenceOf, meanOf } from "../../../../shared/core/methods/relay/astraea/index.ts";
import { RelayOptions } from "../../../../shared/core/methods/relay/options.ts";
import type { RelayMember } from "../../../../shared/core/methods/relay/relayMethod.ts";
import { relayOf } from "../../../../shared/core/methods/relay/relayOf.ts";
import { randomFrom } from "../../../../shared/core/random.ts";

const member = (clientId: string, labelShares: readonly number[] | null): RelayMember => ({
  clientId,
  workMs: null,
  labelShares,
});
const options = (groupSize: number) => ({ strategy: "astraea" as const, groupSize });

/** 20 clients with two of ten labels each, as shards deal them out. */
function shards(seed: number): readonly RelayMember[] {
  const ids = Array.from({ length: 20 }, (_, i) => i);
  const owners = randomFrom(seed, "shards").shuffle([...ids, ...ids]);
  return ids.map((id) => {
    const shares = Array.from({ length: 10 }, () => 0);
    for (const [place, owner] of owners.entries()) {
      if (owner === id) shares[place % 10] = (shares[place % 10] ?? 0) + 0.5;
    }
    return member(`client-${String(id).padStart(2, "0")}`, shares);
  });
}

/** The mean divergence of groups from all clients together. */
function divergence(members: readonly RelayMember[], groups: readonly (readonly string[])[]): number {
  const shares = new Map(members.map(({ clientId, labelShares }) => [clientId, labelShares ?? []]));
  const target = meanOf([...shares.values()]);
  const each = groups.map((ids) => divergenceOf(meanOf(ids.map((id) => shares.get(id) ?? [])), target));
  return each.reduce((sum, one) => sum + one, 0) / each.length;
}

describe("astraea", () => {
  it("puts clients together whose labels complete each other", () => {
    const members = [member("a", [1, 0]), member("b", [1, 0]), member("c", [0, 1]), member("d", [0, 1])];
    for (const seed of [1, 2, 3]) {
      const groups = behaviour.arrange(members, options(2), randomFrom(seed));
      const labels = groups.map((ids) => ids.map((id) => (id < "c" ? 0 : 1)).toSorted());
      expect(labels).toEqual([
        [0, 1],
        [0, 1],
      ]);
    }
  });

  it("brings the divergence of groups of five from 1.6 below 0.2, and below that of random groups", () => {
    const seeds = [1, 2, 3, 4, 5];
    let mean = 0;
    for (const seed of seeds) {
      const members = shards(seed);
      const alone = members.map(({ clientId }) => [clientId]);
      const groups = behaviour.arrange(members, options(5), randomFrom(seed));
      const chain = RelayOptions.parse({ strategy: "chain", groupSize: 5 });
      const drawn = relayOf(chain).arrange(members, chain, randomFrom(seed));
      expect(divergence(members, alone)).toBeGreaterThan(1.5);
      expect(divergence(members, groups)).toBeLessThan(0.6 * divergence(members, drawn));
      mean += divergence(members, groups) / seeds.length;
    }
    expect(mean).toBeLessThan(0.2);
  });

  it("spreads clients that tell nothing over the groups", () => {
    const known = Array.from({ length: 6 }, (_, i) => member(`k${i}`, i % 2 === 0 ? [1, 0] : [0, 1]));
    const silent = Array.from({ length: 3 }, (_, i) => member(`s${i}`, null));
    const groups = behaviour.arrange([...known, ...silent], options(3), randomFrom(1));
    expect(groups.map((ids) => ids.filter((id) => id.startsWith("s")).length)).toEqual([1, 1, 1]);
    const alone = behaviour.arrange(silent, options(2), randomFrom(1));
    expect(alone.map(({ length }) => length).toSorted()).toEqual([1, 2]);
  });

  it("looks at a client's labels once for each place, however large its groups are", () => {
    const [clients, labels] = [30, 8];
    let looks = 0;
    const counted = (shares: number[]) =>
      new Proxy(shares, {
        get: (target, key) => {
          if (typeof key === "string" && /^\d+$/.test(key)) looks++;
          return Reflect.get(target, key);
        },
      });
    const members = Array.from({ length: clients }, (_, i) =>
      member(
        `client-${i}`,
        counted(Array.from({ length: labels }, (_one, label) => Number(label === i % labels))),
      ),
    );
    const groups = behaviour.arrange(members, options(15), randomFrom(1));
    expect(groups.map(({ length }) => length)).toEqual([15, 15]);
    // All that are left, for each place; and each once for the target, and once when it has its place.
    expect(looks).toBe(labels * ((clients * (clients + 1)) / 2 + 2 * clients));
  });

  it("measures by Σ p log(p / q), in nats", () => {
    expect(divergenceOf([1, 0], [0.5, 0.5])).toBeCloseTo(Math.log(2), 12);
    expect(divergenceOf([0.25, 0.75], [0.5, 0.5])).toBeCloseTo(0.130_812, 6);
    expect(divergenceOf([0.5, 0.5], [0.5, 0.5])).toBe(0);
    expect(divergenceOf([0, 1], [1])).toBe(Number.POSITIVE_INFINITY);
    expect(meanOf([[1], [0, 1]])).toEqual([0.5, 0.5]);
  });
});
