// What attackers send: golden values, that nothing is written over, and who attacks in a population.
import { describe, expect, it } from "vitest";
import { simulateCell } from "../../../../infra/sim/cell.ts";
import {
  type Attack,
  type AttackView,
  attackedValues,
  attackKinds,
  mostHidden,
  poisoned,
} from "../../../../infra/sim/population/attacks.ts";
import { drawPopulation } from "../../../../infra/sim/population/drawPopulation.ts";
import { randomFrom } from "../../../../shared/core/random.ts";
import { seven } from "../../methods/aggregation/seven.ts";
import { buildCell, buildScenario, buildSource } from "../builders.ts";

const honest = seven.slice(0, 5).map((values) => Float32Array.from(values));
const view = (more: Partial<AttackView> = {}): AttackView => ({
  own: Float32Array.of(1, -2, 3),
  honest,
  updates: 7,
  malicious: 2,
  random: randomFrom("attack"),
  ...more,
});

it.each<[Attack, readonly number[]]>([
  [{ kind: "label-flip" }, [1, -2, 3]],
  [{ kind: "sign-flip" }, [-5, 10, -15]],
  [{ kind: "sign-flip", strength: 1 }, [-1, 2, -3]],
  [{ kind: "model-replacement" }, [7, -14, 21]],
  [{ kind: "model-replacement", strength: 100 }, [100, -200, 300]],
  [{ kind: "ipm", strength: 0.5 }, [-0.52, -1, -1.48]],
  [{ kind: "ipm" }, [-2.08, -4, -5.92]],
  [{ kind: "alie", strength: 1.5 }, [0.8689736862, 1.7628291755, 2.7889736862]],
])("%j is as by hand", (attack, golden) => {
  const sent = attackedValues(attack, view());
  for (const [k, value] of golden.entries()) expect(sent[k]).toBeCloseTo(value, 5);
});

it("noise has the deviation that was asked for, and is another for each draw", () => {
  const own = new Float32Array(20_000);
  const random = randomFrom("noise");
  const [one, other] = [0, 1].map(() =>
    attackedValues({ kind: "gaussian", strength: 3 }, view({ own, random })),
  );
  const deviation = Math.sqrt(
    (one ?? new Float32Array()).reduce((sum, value) => sum + value ** 2, 0) / own.length,
  );
  expect(deviation).toBeCloseTo(3, 1);
  expect(one).not.toEqual(other);
});

it.each([
  [20, 4, 0.157310685],
  [20, 8, 0.67448975],
  [50, 24, 1.426076872],
  [100, 20, 0.285840875],
  [10, 9, 3],
  [3, 0, 0],
])("of %d updates, %d malicious, ALIE hides within %f deviations", (updates, malicious, golden) => {
  expect(mostHidden(updates, malicious)).toBeCloseTo(golden, 8);
});

it("writes over nothing, and sends finite values where nothing is known", () => {
  for (const kind of attackKinds) {
    const given = view();
    const before = structuredClone({ own: given.own, honest: given.honest });
    attackedValues({ kind }, given);
    expect({ own: given.own, honest: given.honest }).toEqual(before);
    expect(attackedValues({ kind }, view({ honest: [], malicious: 7 })).every(Number.isFinite)).toBe(true);
    expect(attackedValues({ kind }, view({ honest: honest.slice(0, 1) })).every(Number.isFinite)).toBe(true);
  }
});

it("flips labels of those who attack so, as a copy", () => {
  const data = {
    x: { shape: [3, 1], values: new Float32Array(3) },
    y: { shape: [3], values: Float32Array.of(0, 1, 9) },
  };
  expect([...poisoned(data, { kind: "label-flip" }, 10).y.values]).toEqual([9, 8, 0]);
  expect([...poisoned(data, { kind: "model-replacement" }, 10).y.values]).toEqual([9, 8, 0]);
  expect(poisoned(data, { kind: "alie" }, 10)).toBe(data);
  expect(poisoned(data, null, 10)).toBe(data);
  expect([...data.y.values]).toEqual([0, 1, 9]);
});

describe("a population", () => {
  const attackersOf = (attack: object | undefined, seed = 1) => {
    const population = drawPopulation(buildScenario(attack === undefined ? {} : { attack }), 0, seed);
    return population.clientIds.filter((clientId) => population.attack?.(clientId) != null);
  };

  it("has the share of attackers, drawn from the seed", () => {
    const attack = { kind: "alie", strength: 1.5, share: 0.3 };
    expect(attackersOf(undefined)).toEqual([]);
    expect(attackersOf(attack)).toHaveLength(6);
    expect(attackersOf(attack)).toEqual(attackersOf(attack));
    expect(attackersOf(attack, 2)).not.toEqual(attackersOf(attack));
    const { attack: attackOf, clientIds } = drawPopulation(buildScenario({ attack }), 0, 1);
    const found = clientIds.flatMap((clientId) => attackOf?.(clientId) ?? []);
    expect(found[0]).toEqual({ kind: "alie", strength: 1.5 });
  });

  it("does not attack where nothing is trained, which is said", async () => {
    const source = buildSource(buildScenario({ attack: { kind: "ipm", share: 0.2 } }));
    await expect(simulateCell(buildCell({ source }))).rejects.toMatchObject({
      code: "invalid-argument",
      message: expect.stringContaining("--train real"),
    });
  });
});
