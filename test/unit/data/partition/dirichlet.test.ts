// Label skew by a Dirichlet distribution: as strong as asked for, within the bounds given.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { dirichletParts } from "../../../../infra/data/partition/dirichlet.ts";
import { FlError } from "../../../../shared/core/errors.ts";
import { balanced } from "../../../support/labels.ts";

/** The largest class's share of a client's samples, averaged over the clients. */
function skew(labels: Uint8Array, parts: readonly number[][]): number {
  const shares = parts.map((places) => {
    const counts = new Map<number, number>();
    for (const place of places) counts.set(labels[place] ?? -1, (counts.get(labels[place] ?? -1) ?? 0) + 1);
    return Math.max(...counts.values()) / places.length;
  });
  return shares.reduce((sum, share) => sum + share, 0) / shares.length;
}

describe("dirichletParts", () => {
  test("keeps within the bounds given, without repeating a sample", () => {
    fc.assert(
      fc.property(
        fc.nat(),
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 60, max: 300 }),
        (seed, min, max) => {
          const parts = dirichletParts(balanced, {
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

  test("is the more skewed the smaller alpha is", () => {
    const at = (alpha: number) => skew(balanced, dirichletParts(balanced, { clients: 10, seed: 3, alpha }));
    expect(at(0.05)).toBeGreaterThan(at(0.5));
    expect(at(0.5)).toBeGreaterThan(at(100));
    expect(at(1_000)).toBeLessThan(0.15);
  });

  test("a client's samples are not sorted by class", () => {
    const [places = []] = dirichletParts(balanced, { clients: 1, seed: 3, alpha: 1 });
    const changes = places.filter((place, i) => i > 0 && balanced[place] !== balanced[places[i - 1] ?? 0]);
    expect(changes.length).toBeGreaterThan(1_000);
  });

  test.each([false, true])(
    "the smallest alpha gives each class to one client (balanced: %s)",
    (isBalanced) => {
      const parts = dirichletParts(balanced, { clients: 5, seed: 1, alpha: 1e-9, isBalanced });
      for (let label = 0; label < 10; label++) {
        const owners = parts.filter(
          (places) => places.filter((place) => balanced[place] === label).length > 1,
        );
        expect(owners).toHaveLength(1);
      }
    },
  );

  test("balanced, no client has more than its even share and one class, and skew stays", () => {
    const options = { clients: 10, seed: 3, alpha: 0.1 };
    const sizes = (isBalanced: boolean) =>
      dirichletParts(balanced, { ...options, isBalanced }).map(({ length }) => length);
    expect(Math.max(...sizes(true))).toBeLessThanOrEqual(200 + 200);
    expect(Math.max(...sizes(true))).toBeLessThan(Math.max(...sizes(false)));
    expect(skew(balanced, dirichletParts(balanced, { ...options, isBalanced: true }))).toBeGreaterThan(0.5);
  });

  test.each([
    ["a minimum that is too high", { clients: 2, alpha: 1, minSamples: 2 }],
    ["a minimum above the maximum", { clients: 1, alpha: 1, minSamples: 2, samplesPerClient: 1 }],
    ["no concentration", { clients: 1, alpha: 0 }],
    ["an endless concentration", { clients: 1, alpha: Number.POSITIVE_INFINITY }],
    ["a minimum of none", { clients: 1, alpha: 1, minSamples: 0 }],
  ])("%s is refused", (_, options) => {
    expect(() => dirichletParts(Uint8Array.of(0, 1), { seed: 1, ...options })).toThrow(FlError);
  });
});
