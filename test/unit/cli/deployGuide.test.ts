// The guide through a deployment: its costs are those that the code computes, its queries have their
// indexes, what it names of Terraform exists, and its script sends what the api takes.
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type RoundUse, roundCost, sumUsd } from "../../../shared/core/cost/cost.ts";
import { priceTables } from "../../../shared/core/cost/prices.ts";
import { refs } from "../../../shared/core/ports/store.ts";
import { Invocation } from "../../../shared/core/schemas/invocation.ts";
import { Round } from "../../../shared/core/schemas/round.ts";
import { Run } from "../../../shared/core/schemas/run.ts";
import { RunSpec } from "../../../shared/core/schemas/spec.ts";

const root = new URL("../../../", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), "utf8");
const inspection = read("docs/operate.md");
const guide = read("docs/deploy.md") + inspection;
const tableAfter = (mark: string) => guide.slice(guide.indexOf(mark)).split("\n\n")[0] ?? "";

describe("what it costs", () => {
  const times = <T>(count: number, one: T): readonly T[] => Array.from({ length: count }, () => one);
  const small = { memoryMib: 512, vcpu: 1 };
  const large = { memoryMib: 2_048, vcpu: 1 };

  /** Every ten minutes, for thirty days. */
  const idling: RoundUse = {
    functions: times(4_320, { ...small, durationMs: 100 }),
    operations: { firestoreReads: 4_320, firestoreWrites: 4_320 },
  };
  /**
   * The operations are those of one round of eight clients, with the downloads of each, as `UsageMeter`
   * counts them.
   */
  const round: RoundUse = {
    functions: [
      ...times(8, { ...large, durationMs: 20_000 }),
      ...times(18, { ...small, durationMs: 200 }),
      ...times(2, { ...large, durationMs: 5_000 }),
    ],
    operations: {
      firestoreReads: 122,
      firestoreWrites: 43,
      tasks: 12,
      storageClassA: 9,
      storageClassB: 27,
    },
  };
  const prices = priceTables["cloud-run-2026"];
  const usd = (use: RoundUse) => roundCost(use, prices).totalUsd;

  it("is what the code computes", () => {
    const written = [...tableAfter("<!-- cost -->").matchAll(/\| ([0-9]+\.[0-9]+) \|$/gm)].map(
      ([, amount]) => amount,
    );
    const computed = [usd(idling), usd(round), sumUsd(times(10, usd(round)))];
    expect(written).toEqual(computed.map((amount) => amount.toFixed(5)));
  });

  it("names the calls and operations that it counts", () => {
    for (const [kind, count] of Object.entries(round.operations)) {
      const words = {
        firestoreReads: "document reads",
        firestoreWrites: "writes",
        tasks: "tasks",
        storageClassA: "class A",
        storageClassB: "class B",
      }[kind];
      expect(guide).toContain(`${count} ${words}`);
    }
  });

  it("is dated", () => {
    expect(prices.asOf).toBe("2026-11");
    expect(guide).toContain("prices of November 2026");
    expect(guide).toContain(prices.name);
  });
});

describe("what is in the database", () => {
  it("names the path of every document that the code writes, and no other", () => {
    const paths = [
      refs.client("{clientId}"),
      refs.run("{runId}"),
      refs.round("{runId}", 7),
      refs.invocation("{runId}", 7, "{clientId}"),
      refs.rosterShard("{runId}", 0),
      refs.clientState("{runId}", "{clientId}"),
      refs.checks("{clientId}"),
      refs.action({ runId: "{runId}" }, "{id}"),
      refs.evaluation("{runId}", 3),
      refs.watchdog(),
      refs.idempotency("{hash}"),
    ].map(({ path }) => path.replace(/\/(0+[37]?)(?=\/|$)/g, "/{$1}"));
    const [table = ""] = inspection.split("\n\nThree questions");
    const rows = [...table.matchAll(/^\| `([^`]+)` \|/gm)].map(([, path]) => path);
    expect(paths).toHaveLength(Object.keys(refs).length);
    expect(rows).toEqual(paths);
  });
});

describe("the three queries", () => {
  const schemas = { runs: Run, rounds: Round, invocations: Invocation };
  const indexes = read("terraform/modules/database/indexes.tf").replace(/\s+/g, " ");

  it("have an index each, of fields that there are", () => {
    const rows = [
      ...tableAfter("<!-- queries -->").matchAll(
        /\| (collection(?: group)?) `(\w+)` \| `(\w+) == [\w-]+` \| `(\w+)` descending \|/g,
      ),
    ];
    expect(rows).toHaveLength(3);
    for (const [, scope = "", collection = "", field = "", order = ""] of rows) {
      const fields = Object.keys(
        Object.entries(schemas).find(([name]) => name === collection)?.[1].shape ?? {},
      );
      expect(fields).toEqual(expect.arrayContaining([field, order]));
      expect(indexes).toContain(
        `collection = "${collection}" query_scope = "${scope.toUpperCase().replace(" ", "_")}" fields = [["${field}", "ASCENDING"], ["${order}", "DESCENDING"]]`,
      );
    }
  });

  it("ask for statuses that there are", () => {
    const asked = [...tableAfter("<!-- queries -->").matchAll(/`status == (\w+)`/g)].map(([, one]) => one);
    expect(Run.shape.status.options).toContain(asked[0]);
    expect(Round.shape.status.options).toContain(asked[1]);
  });
});

describe("Terraform", () => {
  const folders = ["terraform/", "terraform/modules/client_silo/"];
  const declared = (kind: "variable" | "output") =>
    folders.flatMap((folder) =>
      readdirSync(new URL(folder, root))
        .filter((name) => name.endsWith(".tf"))
        .flatMap((name) => [...read(folder + name).matchAll(new RegExp(`^${kind} "(\\w+)"`, "gm"))])
        .map(([, name]) => name),
    );

  it("has every variable that the guides name", () => {
    const text = guide + read("terraform/README.md");
    const tfvars = /```hcl\n([^`]+)```/.exec(guide)?.[1] ?? "";
    const named = [
      ...[...tfvars.matchAll(/^(\w+)/gm)].map(([, name]) => name),
      ...[...text.matchAll(/-var (\w+)=/g)].map(([, name]) => name),
      ...[...text.matchAll(/variables? `(\w+)`/g)].map(([, name]) => name),
      ...[
        "database_id",
        "function_overrides",
        "client_dispatch",
        "runtime",
        "alert_emails",
        "budget",
        "prefix",
      ],
    ];
    expect(named.length).toBeGreaterThan(12);
    expect(named.filter((name) => !declared("variable").includes(name))).toEqual([]);
    for (const name of named) expect(text).toContain(name);
  });

  it("has every output that the guides and the script name", () => {
    const text = guide + read("terraform/README.md") + read("terraform/first-round.sh");
    const named = [
      ...text.matchAll(/output -(?:raw|json) (\w+)/g),
      ...text.matchAll(/output `(\w+)`/g),
      ...text.matchAll(/`(account_email|data_object|client_registration)`/g),
    ].map(([, name]) => name);
    expect(named.length).toBeGreaterThan(8);
    expect(named.filter((name) => !declared("output").includes(name))).toEqual([]);
  });

  it("is at most four commands away", () => {
    const commands = /<!-- deploy -->\n```sh\n([^`]+)\n```/.exec(guide)?.[1]?.split("\n") ?? [];
    expect(commands).toHaveLength(4);
    expect(commands.filter((command) => /&&|;|\|/.test(command))).toEqual([]);
  });
});

it("first-round.sh sends what the api takes", () => {
  const script = read("terraform/first-round.sh");
  const spec: unknown = JSON.parse(/v1\/runs" -d '([^']+)'/.exec(script)?.[1] ?? "");
  expect(RunSpec.safeParse(spec)).toMatchObject({ success: true });
});
