// Weighted drawing without replacement: the chances are those of one draw after the other.
import { expect, it } from "vitest";
import { weightedSample } from "../../../../shared/core/methods/selection/weightedSample.ts";
import { randomFrom } from "../../../../shared/core/random.ts";

const weights = { a: 1, b: 2, c: 7 } as const;
const items = ["a", "b", "c"] as const;
const logOf = (item: (typeof items)[number]) => Math.log(weights[item]);

it("draws each in proportion to its weight, and the second from those left", () => {
  const [firsts, pairs] = [new Map<string, number>(), new Map<string, number>()];
  const draws = 20_000;
  const random = randomFrom("weighted");
  for (let i = 0; i < draws; i++) {
    const [first = "", second = ""] = weightedSample(items, logOf, 2, random);
    firsts.set(first, (firsts.get(first) ?? 0) + 1 / draws);
    pairs.set(`${first}${second}`, (pairs.get(`${first}${second}`) ?? 0) + 1 / draws);
  }
  expect(firsts.get("a")).toBeCloseTo(0.1, 2);
  expect(firsts.get("c")).toBeCloseTo(0.7, 1);
  // P(c, then b) = 7/10 × 2/3.
  expect(Math.abs((pairs.get("cb") ?? 0) - 0.7 * (2 / 3))).toBeLessThan(0.015);
  expect(Math.abs((pairs.get("ab") ?? 0) - 0.1 * (2 / 9))).toBeLessThan(0.005);
});

it("takes items of weight 0 last, and weights of any size", () => {
  const logs = new Map([
    ["zero", Number.NEGATIVE_INFINITY],
    ["none", Number.NEGATIVE_INFINITY],
    ["huge", 5_000],
    ["tiny", -5_000],
  ]);
  for (let seed = 0; seed < 20; seed++) {
    const drawn = weightedSample([...logs.keys()], (id) => logs.get(id) ?? 0, 4, randomFrom(seed));
    expect(drawn).toEqual(["huge", "tiny", "zero", "none"]);
  }
  expect(weightedSample(["a"], () => 0, 0, randomFrom(1))).toEqual([]);
});
