// What every aggregation in the table must do; a new row is tested by being there.
import { describe, expect, it } from "vitest";
import { type AggregationName, aggregations } from "../../../../shared/core/methods/aggregation/index.ts";
import type { Weights } from "../../../../shared/core/updates/weights.ts";

const weights = (...values: number[]): Weights => [
  { name: "w", shape: [values.length], values: Float32Array.from(values) },
];
const names = Object.keys(aggregations).filter((name): name is AggregationName => name in aggregations);

describe.each(names)("%s", (name) => {
  const begin = () => aggregations[name]([{ name: "w", shape: [3] }]);

  it("agrees with clients that agree", () => {
    const aggregation = begin();
    for (const samples of [1, 10, 100]) {
      aggregation.add({ delta: weights(1, -2, 0.5), samples, stalenessWeight: 1 / samples });
    }
    expect(aggregation.finish(weights(1, 1, 1))).toEqual(weights(2, -1, 1.5));
    expect(aggregation.shares()).toHaveLength(3);
    expect(aggregation.shares().reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 12);
  });

  it("keeps one aggregation apart from another", () => {
    const one = begin();
    const other = begin();
    one.add({ delta: weights(1, 1, 1), samples: 1, stalenessWeight: 1 });
    other.add({ delta: weights(5, 5, 5), samples: 1, stalenessWeight: 1 });
    expect(one.finish(weights(0, 0, 0))).toEqual(weights(1, 1, 1));
    expect(other.finish(weights(0, 0, 0))).toEqual(weights(5, 5, 5));
  });

  it("gives room of the size asked for, and grows it without losing what was added", () => {
    const aggregation = begin();
    expect(aggregation.room(16).byteLength).toBe(16);
    aggregation.add({ delta: weights(1, 2, 3), samples: 4, stalenessWeight: 1 });
    const room = aggregation.room(1_000_000);
    expect([room.byteLength, room.byteOffset % 8]).toEqual([1_000_000, 0]);
    room.fill(255);
    expect(aggregation.finish(weights(0, 0, 0))).toEqual(weights(1, 2, 3));
  });

  it("fails without updates and refuses another model", () => {
    const aggregation = begin();
    expect(() => aggregation.finish(weights(0, 0, 0))).toThrow(
      expect.objectContaining({ code: "failed-precondition" }),
    );
    expect(() => aggregation.add({ delta: weights(1), samples: 1, stalenessWeight: 1 })).toThrow(
      expect.objectContaining({ code: "invalid-argument" }),
    );
  });
});
