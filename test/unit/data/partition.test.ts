// How samples are spread over clients: nothing twice, nothing lost, everybody gets something, and skew as
// asked for.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { partition, shards } from "../../../infra/data/partition.ts";
import { FlError } from "../../../shared/core/errors.ts";

const labelsOf = (classes: readonly number[]) => Uint8Array.from(classes);
const anyLabels = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 400 }).map(labelsOf);
const anySeed = fc.nat();
const flat = (parts: readonly number[][]) => parts.flat().toSorted((a, b) => a - b);
const all = (labels: Uint8Array) => Array.from(labels, (_, place) => place);

/** 10 classes of 200 samples each, in order. */
const balanced = labelsOf(Array.from({ length: 2_000 }, (_, i) => Math.floor(i / 200)));

/** The largest class's share of a client's samples, averaged over the clients. */
function skew(labels: Uint8Array, parts: readonly number[][]): number {
  const shares = parts.map((places) => {
    const counts = new Map<number, number>();
    for (const place of places) counts.set(labels[place] ?? -1, (counts.get(labels[place] ?? -1) ?? 0) + 1);
    return Math.max(...counts.values()) / places.length;
  });
  return shares.reduce((sum, share) => sum + share, 0) / shares.length;
}

describe("partition", () => {
  test("gives every sample to one client, and each client at least the minimum", () => {
    fc.assert(
      fc.property(
        anyLabels,
        anySeed,
        fc.double({ min: 1e-3, max: 100, noNaN: true }),
        fc.nat(),
        (labels, seed, alpha, pick) => {
          const clients = 1 + (pick % labels.length);
          const minSamples = Math.floor(labels.length / clients);
          const parts = partition(labels, { clients, seed, alpha, minSamples });
          expect(parts).toHaveLength(clients);
          expect(flat(parts)).toEqual(all(labels));
          expect(Math.min(...parts.map((places) => places.length))).toBeGreaterThanOrEqual(minSamples);
        },
      ),
    );
  });

  test("keeps within the bounds given, without repeating a sample", () => {
    fc.assert(
      fc.property(
        anySeed,
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 60, max: 300 }),
        (seed, min, max) => {
          const parts = partition(balanced, {
            clients: 20,
            seed,
            alpha: 0.3,
            minSamples: min,
            samplesPerClient: max,
          });
          for (const places of parts) {
            expect(places.length).toBeGreaterThanOrEqual(min);
            expect(places.length).toBeLessThanOrEqual(max);
          }
          expect(new Set(parts.flat()).size).toBe(parts.flat().length);
        },
      ),
    );
  });

  test("is a function of the seed, and leaves the labels alone", () => {
    const labels = balanced.slice();
    const options = { clients: 7, seed: 5, alpha: 0.5 };
    expect(partition(labels, options)).toEqual(partition(labels, options));
    expect(partition(labels, { ...options, seed: 6 })).not.toEqual(partition(labels, options));
    expect(labels).toEqual(balanced);
  });

  test("is the more skewed the smaller alpha is", () => {
    const at = (alpha: number) => skew(balanced, partition(balanced, { clients: 10, seed: 3, alpha }));
    expect(at(0.05)).toBeGreaterThan(at(0.5));
    expect(at(0.5)).toBeGreaterThan(at(100));
    expect(at(1_000)).toBeLessThan(0.15);
  });

  test("a client's samples are not sorted by class", () => {
    const [places = []] = partition(balanced, { clients: 1, seed: 3, alpha: 1 });
    const changes = places.filter((place, i) => i > 0 && balanced[place] !== balanced[places[i - 1] ?? 0]);
    expect(changes.length).toBeGreaterThan(1_000);
  });

  test("the smallest alpha gives each class to one client", () => {
    const parts = partition(balanced, { clients: 5, seed: 1, alpha: 1e-9 });
    for (let label = 0; label < 10; label++) {
      const owners = parts.filter((places) => places.filter((place) => balanced[place] === label).length > 1);
      expect(owners).toHaveLength(1);
    }
  });

  test.each([
    ["more clients than samples", { clients: 3, alpha: 1 }],
    ["a minimum that is too high", { clients: 2, alpha: 1, minSamples: 2 }],
    ["a minimum above the maximum", { clients: 1, alpha: 1, minSamples: 2, samplesPerClient: 1 }],
    ["no clients", { clients: 0, alpha: 1 }],
    ["half a client", { clients: 1.5, alpha: 1 }],
    ["no concentration", { clients: 1, alpha: 0 }],
  ])("%s is refused", (_, options) => {
    expect(() => partition(labelsOf([0, 1]), { seed: 1, ...options })).toThrow(FlError);
  });
});

describe("shards", () => {
  test("give every sample to one client, in nearly equal numbers", () => {
    fc.assert(
      fc.property(
        anyLabels,
        anySeed,
        fc.integer({ min: 1, max: 4 }),
        fc.nat(),
        (labels, seed, shardsPerClient, pick) => {
          fc.pre(labels.length >= shardsPerClient);
          const clients = 1 + (pick % Math.floor(labels.length / shardsPerClient));
          const parts = shards(labels, { clients, seed, shardsPerClient });
          expect(flat(parts)).toEqual(all(labels));
          const sizes = parts.map((places) => places.length);
          expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(shardsPerClient);
        },
      ),
    );
  });

  test("let a client know two classes", () => {
    for (const places of shards(balanced, { clients: 100, seed: 9 })) {
      expect(new Set(places.map((place) => balanced[place])).size).toBeLessThanOrEqual(2);
    }
  });

  test("are a function of the seed", () => {
    const dealt = (seed: number) => shards(balanced, { clients: 10, seed });
    expect(dealt(1)).toEqual(dealt(1));
    expect(dealt(2)).not.toEqual(dealt(1));
  });

  test("too few samples are refused", () => {
    expect(() => shards(labelsOf([0, 1, 2]), { clients: 2, seed: 1 })).toThrow(FlError);
    expect(() => shards(labelsOf([0, 1, 2]), { clients: 1, seed: 1, shardsPerClient: 0 })).toThrow(FlError);
  });
});
