// Which attack does what to which rule: each is shown to work on FedAvg before a defence is shown. Real
// training of a small convex model, folded as the aggregator folds.
import { describe, expect, it } from "vitest";
import type { Attack } from "../../../../infra/sim/population/attacks.ts";
import { readGuide } from "../../../support/guides.ts";
import { trainedAccuracy } from "../../../support/softmaxFederation.ts";

const rules = {
  fedavg: () => ({ strategy: "fedavg" }),
  median: () => ({ strategy: "median" }),
  "trimmed mean": (maxMalicious: number) => ({ strategy: "trimmed-mean", maxMalicious }),
  Krum: (maxMalicious: number) => ({ strategy: "multi-krum", maxMalicious, averaged: 1 }),
  "multi-Krum": (maxMalicious: number) => ({ strategy: "multi-krum", maxMalicious }),
  RFA: () => ({ strategy: "geometric-median" }),
  "norm median": () => ({ strategy: "norm-median" }),
  "centred clipping": () => ({ strategy: "centered-clipping" }),
  BGMD: () => ({ strategy: "bgmd" }),
  "BGMD as published": () => ({ strategy: "bgmd", paperFaithful: true }),
  "bucketing + RFA": () => ({ strategy: "geometric-median", before: { step: "bucketing" } }),
  "NNM + trimmed mean": (maxMalicious: number) => ({
    strategy: "trimmed-mean",
    maxMalicious,
    before: { step: "nnm" },
  }),
  "NNM + RFA": (maxMalicious: number) => ({
    strategy: "geometric-median",
    maxMalicious,
    before: { step: "nnm" },
  }),
} as const;
type Rule = keyof typeof rules;

interface Setting {
  readonly attackers: number;
  readonly dirichlet?: number;
  readonly attack?: Attack;
}

const known = new Map<string, Promise<number>>();

/** Of 20 clients, after 15 rounds. */
function accuracyOf(rule: Rule, setting: Setting, seed = 1): Promise<number> {
  const key = JSON.stringify([rule, setting, seed]);
  const found = known.get(key);
  if (found !== undefined) return found;
  const aggregation = rules[rule](setting.attackers);
  const made = trainedAccuracy({ clients: 20, rounds: 15, seed, aggregation, ...setting });
  known.set(key, made);
  return made;
}

/** Without the attack: the same clients, all of them honest. */
function cleanOf(rule: Rule, { attack: _, ...setting }: Setting, seed = 1): Promise<number> {
  return accuracyOf(rule, setting, seed);
}

const all = Object.keys(rules) as readonly Rule[];
const robust = all.filter((rule) => rule !== "fedavg" && rule !== "BGMD as published");

/** What each attack takes of FedAvg's accuracy at the least, and the rules lose of their own at the most. */
const table: readonly {
  readonly name: string;
  readonly setting: Setting;
  readonly takes: number;
  readonly loses: number;
  readonly rules: readonly Rule[];
}[] = [
  {
    name: "label flip, 8 of 20",
    setting: { attackers: 8, attack: { kind: "label-flip" } },
    takes: 0.05,
    loses: 0.03,
    rules: ["multi-Krum", "NNM + trimmed mean", "NNM + RFA"],
  },
  {
    name: "sign flip × 5, 4 of 20",
    setting: { attackers: 4, attack: { kind: "sign-flip" } },
    takes: 0.7,
    loses: 0.06,
    rules: robust,
  },
  {
    name: "noise of deviation 10, 4 of 20",
    setting: { attackers: 4, attack: { kind: "gaussian" } },
    takes: 0.15,
    loses: 0.02,
    rules: robust,
  },
  {
    name: "ALIE of 4 deviations, 8 of 20, classes unlike",
    setting: { attackers: 8, dirichlet: 0.3, attack: { kind: "alie", strength: 4 } },
    takes: 0.03,
    loses: 0.02,
    rules: ["NNM + trimmed mean", "NNM + RFA", "multi-Krum"],
  },
  {
    name: "IPM × 2, 8 of 20",
    setting: { attackers: 8, attack: { kind: "ipm", strength: 2 } },
    takes: 0.7,
    loses: 0.06,
    rules: ["RFA", "norm median", "centred clipping", "NNM + trimmed mean", "NNM + RFA"],
  },
  {
    name: "model replacement, 4 of 20",
    setting: { attackers: 4, attack: { kind: "model-replacement" } },
    takes: 0.4,
    loses: 0.06,
    rules: robust,
  },
];

describe.each(table)("$name", ({ setting, takes, loses, rules: defences }) => {
  it(`takes ${takes} from FedAvg`, async () => {
    expect(await accuracyOf("fedavg", setting)).toBeLessThan((await cleanOf("fedavg", setting)) - takes);
  });

  it.each(defences)(`takes no more than ${loses} from %s`, async (rule) => {
    const accuracy = await accuracyOf(rule, setting);
    expect(accuracy).toBeGreaterThanOrEqual((await cleanOf(rule, setting)) - loses);
    expect(accuracy).toBeGreaterThan(await accuracyOf("fedavg", setting));
  });
});

describe("without an attack", () => {
  it.each<Rule>(["RFA", "multi-Krum", "norm median", "trimmed mean", "NNM + trimmed mean"])(
    "%s costs a hundredth of FedAvg's accuracy at most",
    async (rule) => {
      const clean = { attackers: 4 };
      expect(await accuracyOf(rule, clean)).toBeGreaterThanOrEqual(
        (await accuracyOf("fedavg", clean)) - 0.01,
      );
    },
  );

  it("Krum costs more: it takes a single update", async () => {
    const clean = { attackers: 4 };
    expect(await accuracyOf("Krum", clean)).toBeLessThan((await accuracyOf("fedavg", clean)) - 0.03);
  });
});

describe("BGMD, with noise of 8 in 20", () => {
  const noise: Setting = { attackers: 8, attack: { kind: "gaussian" } };

  it.each([1, 2, 3])(
    "loses three hundredths at most, as the geometric median does, and the mean fails (seed %i)",
    async (seed) => {
      for (const rule of ["BGMD", "RFA"] as const) {
        const clean = await cleanOf(rule, noise, seed);
        expect(await accuracyOf(rule, noise, seed)).toBeGreaterThanOrEqual(clean - 0.03);
      }
      const [mean, clean] = [await accuracyOf("fedavg", noise, seed), await cleanOf("fedavg", noise, seed)];
      expect(mean).toBeLessThan(clean - 0.2);
    },
  );

  it("as published keeps the attack in its memory", async () => {
    const published = await accuracyOf("BGMD as published", noise);
    expect(published).toBeLessThan((await cleanOf("BGMD as published", noise)) - 0.2);
  });
});

describe("docs/robustness.md", () => {
  const columns: readonly Setting[] = [
    { attackers: 4 },
    { attackers: 4, attack: { kind: "sign-flip" } },
    { attackers: 4, attack: { kind: "gaussian" } },
    { attackers: 4, attack: { kind: "model-replacement" } },
    { attackers: 8, attack: { kind: "label-flip" } },
    { attackers: 8, attack: { kind: "ipm", strength: 2 } },
    { attackers: 8, dirichlet: 0.3 },
    { attackers: 8, dirichlet: 0.3, attack: { kind: "alie", strength: 4 } },
    { attackers: 8, dirichlet: 0.3, attack: { kind: "ipm", strength: 2 } },
  ];
  const shown: readonly (readonly [string, Rule])[] = [
    ["`fedavg`", "fedavg"],
    ["`norm-median`", "norm median"],
    ["`centered-clipping`", "centred clipping"],
    ["`geometric-median`", "RFA"],
    ["`geometric-median`, `nnm`", "NNM + RFA"],
    ["`median`", "median"],
    ["`trimmed-mean`", "trimmed mean"],
    ["`trimmed-mean`, `nnm`", "NNM + trimmed mean"],
    ["`multi-krum`", "multi-Krum"],
    ["`multi-krum`, `averaged 1`", "Krum"],
    ["`bgmd`", "BGMD"],
  ];

  const cellsOf = (name: string): readonly number[] => {
    const lines = readGuide("docs/robustness.md").split("\n");
    const line = lines.find((one) => one.startsWith(`| ${name} | 0`));
    return line?.split("|").slice(2, -1).map(Number) ?? [];
  };

  describe.each(shown)("%s", (name, rule) => {
    it.each([...columns.entries()])("has what is shown in column %d", async (i, setting) => {
      expect(cellsOf(name)).toHaveLength(columns.length);
      const shownValue = cellsOf(name)[i] ?? Number.NaN;
      expect(Math.abs(shownValue - (await accuracyOf(rule, setting)))).toBeLessThan(0.015);
    });
  });
});

it("nothing here withstands IPM of 8 in 20 where classes are unlike", async () => {
  const setting: Setting = { attackers: 8, dirichlet: 0.3, attack: { kind: "ipm", strength: 2 } };
  for (const rule of ["fedavg", "RFA", "NNM + trimmed mean"] as const) {
    expect(await accuracyOf(rule, setting)).toBeLessThan((await cleanOf(rule, setting)) - 0.1);
  }
});
