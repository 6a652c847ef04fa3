// The deploy guide: its costs are those that the code computes, its queries have their indexes, its commands exist.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { type RoundUse, roundCost, sumUsd } from "../../shared/core/cost/cost.ts";
import { priceTables } from "../../shared/core/cost/prices.ts";
import { Invocation } from "../../shared/core/schemas/invocation.ts";
import { Round } from "../../shared/core/schemas/round.ts";
import { Run } from "../../shared/core/schemas/run.ts";
import { RunSpec } from "../../shared/core/schemas/spec.ts";
import { configuration } from "./support.ts";

let guide: string;
let indexes: string;
beforeAll(async () => {
  guide = await readFile(join(configuration, "README.md"), "utf8");
  indexes = await readFile(join(configuration, "modules/database/indexes.tf"), "utf8");
});

const times = <T>(count: number, one: T): readonly T[] => Array.from({ length: count }, () => one);
const small = { memoryMib: 512, vcpu: 1 };
const large = { memoryMib: 2_048, vcpu: 1 };

/** Every ten minutes, for thirty days. */
const idling: RoundUse = {
  functions: times(4_320, { ...small, durationMs: 100 }),
  operations: { firestoreReads: 4_320 },
};
const round: RoundUse = {
  functions: [
    ...times(8, { ...large, durationMs: 20_000 }),
    ...times(18, { ...small, durationMs: 200 }),
    ...times(2, { ...large, durationMs: 5_000 }),
  ],
  operations: {
    firestoreReads: 200,
    firestoreWrites: 60,
    tasks: 12,
    storageClassA: 10,
    storageClassB: 30,
  },
};

describe("what it costs", () => {
  const prices = priceTables["cloud-run-2026"];
  const usd = (use: RoundUse) => roundCost(use, prices).totalUsd;

  it("is what the code computes", () => {
    const table = guide.slice(guide.indexOf("<!-- cost -->")).split("\n\n")[0] ?? "";
    const told = [...table.matchAll(/\| ([0-9]+\.[0-9]+) \|$/gm)].map(([, amount]) => amount);
    const computed = [usd(idling), usd(round), sumUsd(times(10, usd(round)))];
    expect(told).toEqual(computed.map((amount) => amount.toFixed(5)));
  });

  it("is dated", () => {
    expect(prices.asOf).toBe("2026-11");
    expect(guide).toContain("the prices of November 2026");
  });
});

describe("the three queries", () => {
  const schemas = { runs: Run, rounds: Round, invocations: Invocation };

  it("have an index each, of fields that there are", () => {
    const rows = [
      ...guide.matchAll(/\| collection(?: group)? `(\w+)` \| `(\w+) == [\w-]+` \| `(\w+)` descending \|/g),
    ];
    expect(rows).toHaveLength(3);
    for (const [, collection = "", field = "", order = ""] of rows) {
      const fields = Object.keys(
        Object.entries(schemas).find(([name]) => name === collection)?.[1].shape ?? {},
      );
      expect(fields).toEqual(expect.arrayContaining([field, order]));
      expect(indexes.replace(/\s+/g, " ")).toMatch(
        new RegExp(
          `collection = "${collection}" query_scope = "\\w+" fields = \\[\\["${field}", "ASCENDING"\\], \\["${order}", "DESCENDING"\\]\\]`,
        ),
      );
    }
  });

  it("ask for statuses that there are", () => {
    for (const status of ["running"]) expect(Run.shape.status.options).toContain(status);
    for (const status of ["degraded"]) expect(Round.shape.status.options).toContain(status);
  });
});

it("the first run of first-round.sh is one that the api takes", async () => {
  const script = await readFile(join(configuration, "first-round.sh"), "utf8");
  const spec: unknown = JSON.parse(/v1\/runs" -d '([^']+)'/.exec(script)?.[1] ?? "");
  expect(RunSpec.safeParse(spec)).toMatchObject({ success: true });
  const outputs = await readFile(join(configuration, "outputs.tf"), "utf8");
  for (const [, name] of script.matchAll(/\$\(output (\w+)\)/g))
    expect(outputs).toContain(`output "${name}"`);
});

it("the commands of the guide are scripts of the project", async () => {
  const { scripts } = JSON.parse(await readFile(join(configuration, "../package.json"), "utf8"));
  for (const [, name] of guide.matchAll(/npm run ([\w-]+)/g)) expect(scripts).toHaveProperty([`${name}`]);
  const commands = /Then four commands[\s\S]*?```sh\n([\s\S]*?)\n```/.exec(guide)?.[1]?.split("\n") ?? [];
  expect(commands).toHaveLength(4);
});
