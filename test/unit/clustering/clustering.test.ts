// Clustering answers as scikit-learn does, and DBSCAN as its definition does, whatever the points.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { calinskiHarabasz } from "../../../shared/core/clustering/calinskiHarabasz.ts";
import { dbscan, GrowingClusters, NOISE } from "../../../shared/core/clustering/dbscan.ts";
import { standardise } from "../../../shared/core/clustering/standardise.ts";
import { gridOf, searchEpsilon } from "../../../shared/core/methods/selection/fedlesscan/epsilonSearch.ts";
import { MAX_EPSILON_STEPS } from "../../../shared/core/methods/selection/fedlesscan/options.ts";
import { runs } from "../../support/tier.ts";
import vectors from "../../vectors/clustering.json" with { type: "json" };

const paperGrid = { from: 0.01, below: 2, step: 0.1 };

/** DBSCAN by its definition: every pair is compared. */
function naiveDbscan(x: Float64Array, y: Float64Array, eps: number, minSamples: number): number[] {
  const n = x.length;
  const near = Array.from({ length: n }, (_, i) =>
    Array.from({ length: n }, (_, j) => j).filter((j) => {
      const [dx, dy] = [Number(x[i]) - Number(x[j]), Number(y[i]) - Number(y[j])];
      return dx * dx + dy * dy <= eps * eps;
    }),
  );
  const isCore = near.map((neighbours) => neighbours.length >= minSamples);
  const labels = new Array<number>(n).fill(NOISE);
  let next = 0;
  for (let i = 0; i < n; i++) {
    if (!isCore[i] || labels[i] !== NOISE) continue;
    const open = [i];
    for (let point = open.pop(); point !== undefined; point = open.pop()) {
      if (labels[point] !== NOISE) continue;
      labels[point] = next;
      if (isCore[point]) open.push(...(near[point] ?? []));
    }
    next++;
  }
  return labels;
}

const onLattice = fc.integer({ min: -20, max: 20 }).map((v) => v / 4);
const anywhere = fc.double({ min: -5, max: 5, noNaN: true });
const huge = fc.constantFrom(0, 1e-300, 1, 1e9, -1e9, 1e150);
const pointsOf = (coordinate: fc.Arbitrary<number>) =>
  fc
    .array(fc.tuple(coordinate, coordinate), { maxLength: 120 })
    .map(
      (points) => [Float64Array.from(points, ([x]) => x), Float64Array.from(points, ([, y]) => y)] as const,
    );
const points = fc.oneof(pointsOf(onLattice), pointsOf(anywhere), pointsOf(huge));
const reach = fc.oneof(
  fc.constantFrom(0.25, 0.5, 1, 1.25, 5),
  fc.double({ min: 0.01, max: 15, noNaN: true }),
);

describe("dbscan", () => {
  it.each(vectors.cases)("labels $name as scikit-learn does", ({ x, y, dbscan: answers }) => {
    for (const { eps, minSamples, labels } of answers) {
      expect([...dbscan(Float64Array.from(x), Float64Array.from(y), eps, minSamples)]).toEqual(labels);
    }
  });

  it("is what its definition says", () => {
    fc.assert(
      fc.property(points, reach, fc.integer({ min: 1, max: 8 }), ([x, y], eps, minSamples) => {
        expect([...dbscan(x, y, eps, minSamples)]).toEqual(naiveDbscan(x, y, eps, minSamples));
      }),
      { numRuns: runs(300) },
    );
  });

  it("is the same step by step as at once", () => {
    const steps = fc.array(reach, { minLength: 1, maxLength: 6 }).map((all) => all.sort((a, b) => a - b));
    fc.assert(
      fc.property(points, steps, fc.integer({ min: 1, max: 5 }), ([x, y], grid, minSamples) => {
        const clusters = new GrowingClusters(x, y, minSamples);
        for (const eps of grid) {
          clusters.grow(eps);
          expect([...clusters.labels()]).toEqual([...dbscan(x, y, eps, minSamples)]);
        }
      }),
    );
  });

  it("counts a distance of exactly eps, and a point itself among its samples", () => {
    const [x, y] = [Float64Array.of(0, 3, 10), Float64Array.of(0, 4, 0)];
    expect([...dbscan(x, y, 5, 2)]).toEqual([0, 0, NOISE]);
    expect([...dbscan(x, y, 4.999, 2)]).toEqual([NOISE, NOISE, NOISE]);
    expect([...dbscan(x, y, 5, 1)]).toEqual([0, 0, 1]);
    expect([...dbscan(x, y, 5, 3)]).toEqual([NOISE, NOISE, NOISE]);
  });

  it("gives a point between two clusters to the first", () => {
    const x = Float64Array.of(3, 3.5, 4, 2, 1, 0.5, 0);
    expect([...dbscan(x, new Float64Array(7), 1, 4)]).toEqual([0, 0, 0, 0, 1, 1, 1]);
    expect([...dbscan(x.toReversed(), new Float64Array(7), 1, 4)]).toEqual([0, 0, 0, 0, 1, 1, 1]);
  });

  it("many points in one place take no longer than points apart", () => {
    const same = new Float64Array(200_000);
    expect(new Set(dbscan(same, same, 1, 2))).toEqual(new Set([0]));
  });

  it("has no labels for no points", () => {
    expect(dbscan(new Float64Array(0), new Float64Array(0), 1, 2)).toHaveLength(0);
  });

  it.each([0, -1, Number.NaN, Infinity])("refuses eps %d", (eps) => {
    expect(() => dbscan(Float64Array.of(1), Float64Array.of(1), eps, 2)).toThrow("eps must be positive");
  });

  it("refuses what is not a point, no number of samples, no growth", () => {
    const one = Float64Array.of(1);
    expect(() => dbscan(one, Float64Array.of(Number.NaN), 1, 2)).toThrow("finite");
    expect(() => dbscan(one, new Float64Array(2), 1, 2)).toThrow("two finite coordinates");
    expect(() => dbscan(one, one, 1, 0)).toThrow("at least 1");
    expect(() => dbscan(one, one, 1, 1.5)).toThrow("at least 1");
    const clusters = new GrowingClusters(one, one, 2);
    clusters.grow(1);
    expect(() => clusters.grow(0.5)).toThrow("grow");
  });
});

describe("standardise", () => {
  it.each(vectors.cases)("scales $name as scikit-learn does", ({ x, y, standardised }) => {
    const scaled = standardise([Float64Array.from(x), Float64Array.from(y)]);
    scaled.forEach((column, i) => {
      column.forEach((value, j) => {
        expect(value).toBeCloseTo(Number(standardised[i]?.[j]), 12);
      });
    });
  });

  it("makes zeros of a constant, whatever it is", () => {
    for (const value of [0, 0.1, -3e8, 1e-9]) {
      expect([...(standardise([new Float64Array(7).fill(value)])[0] ?? [])]).toEqual(Array(7).fill(0));
    }
  });

  it("leaves its input alone, and refuses what is not finite", () => {
    const column = Float64Array.of(1, 2);
    standardise([column]);
    expect([...column]).toEqual([1, 2]);
    expect(() => standardise([Float64Array.of(1, Infinity)])).toThrow("finite");
    expect(standardise([new Float64Array(0)])).toEqual([new Float64Array(0)]);
  });
});

describe("calinskiHarabasz", () => {
  it.each(vectors.cases)("scores $name as scikit-learn does", ({ name, x, y, dbscan: answers }) => {
    for (const { labels, score } of answers) {
      const scored = () =>
        calinskiHarabasz([Float64Array.from(x), Float64Array.from(y)], Int32Array.from(labels));
      if (score === null) expect(scored).toThrow("cannot be scored");
      else if (name !== "duplicates") expect(scored() / score).toBeCloseTo(1, 9);
    }
  });

  it("is 1 where clusters are points", () => {
    const x = Float64Array.of(0.1, 0.1, 0.1, 7, 7);
    expect(calinskiHarabasz([x, x], Int32Array.of(0, 0, 0, 1, 1))).toBe(1);
  });
});

describe("searchEpsilon", () => {
  const searches = [...vectors.cases, ...vectors.searches.map((one, i) => ({ name: `fleet ${i}`, ...one }))];

  it.each(searches.filter(({ search }) => search !== null))(
    "finds in $name what scikit-learn finds",
    (one) => {
      const { labels, eps, score } = searchEpsilon(
        Float64Array.from(one.x),
        Float64Array.from(one.y),
        paperGrid,
        2,
      );
      expect(eps).toBe(one.search?.eps ?? null);
      expect([...labels]).toEqual(one.search?.labels);
      if (one.search?.score != null) expect(Number(score) / one.search.score).toBeCloseTo(1, 9);
    },
  );

  it("searches numpy's grid to the last bit", () => {
    expect(gridOf(paperGrid)).toEqual(vectors.grid);
    expect(gridOf({ from: 2, below: 2, step: 0.1 })).toEqual([]);
    expect(gridOf({ from: 0.001, below: 100, step: 0.001 })).toHaveLength(MAX_EPSILON_STEPS);
  });

  it("finds nothing without points", () => {
    expect(searchEpsilon(new Float64Array(0), new Float64Array(0), paperGrid, 2)).toEqual({
      labels: new Int32Array(0),
      eps: null,
      score: null,
    });
  });
});
