// What an export reads and writes without a cloud: pages of an api that answers from memory, traces that are
// too large, invocations that are gone, and an api that is too busy.
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { asyncBufferFromFile, parquetReadObjects } from "hyparquet";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ApiClient, apiClient } from "../../../infra/cli/apiClient.ts";
import { openOutFolder } from "../../../infra/cli/export/outFolder.ts";
import { exportTables } from "../../../infra/cli/export/tables/exportTables.ts";
import { openParquet } from "../../../infra/cli/export/tables/parquet.ts";
import { exportTrace } from "../../../infra/cli/export/tools/exportTrace.ts";
import { FlError } from "../../../shared/core/errors.ts";
import type { Invocation } from "../../../shared/core/schemas/invocation.ts";
import type { Round } from "../../../shared/core/schemas/round.ts";
import { buildReported, buildRound, buildRun } from "../../support/builders.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "export-files-"));
});
afterAll(() => rm(folder, { recursive: true }));

const federated = {
  version: 0,
  clients: 3,
  samples: 30,
  metrics: { auc: { mean: 0.75, worstDecile: 0.5, spread: 0.125, clients: 3 } },
};
const rounds: readonly Round[] = [1, 2, 3].map((round) =>
  buildRound({
    round,
    status: "closed",
    counts: { ...buildRound().counts, invoked: 5 },
    metrics: { loss: 1, f1: round / 4 },
    ...(round === 2 ? { federated } : {}),
  }),
);
const invocationsOf = (round: number): Invocation[] =>
  ["a", "b"].map((clientId) => ({
    ...buildReported({ round, clientId }),
    ...(round === 2 ? { evaluation: { version: 0, samples: 10, metrics: { auc: 0.625 } } } : {}),
  }));

/** Limits that the api was asked for, and the rounds whose invocations were. */
const asked: { limits: number[]; rounds: number[] } = { limits: [], rounds: [] };
const api = {
  async *eachRound(_: string, limit: number) {
    asked.limits.push(limit);
    yield* rounds;
  },
  async invocations(_: string, round: number) {
    asked.rounds.push(round);
    return invocationsOf(round);
  },
} as unknown as ApiClient;
const run = buildRun();
const all = { first: 1, last: 9_999 };

describe("tables", () => {
  test("have a column for each metric of any round, and of the clients' own scores", async () => {
    const out = await mkdtemp(join(folder, "tables-"));
    const warnings: string[] = [];
    const what = {
      kind: "tables",
      format: "jsonl",
      tables: ["rounds", "invocations"],
      runId: run.runId,
      rounds: all,
      out,
      force: false,
    } as const;
    await exportTables(what, run, api, out, (text) => warnings.push(text));
    const lines = async (name: string) =>
      (await readFile(join(out, name), "utf8"))
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line));
    expect(await lines("rounds.jsonl")).toMatchObject([
      { round: 1, metric_f1: 0.25, federated_auc_mean: null },
      {
        round: 2,
        metric_f1: 0.5,
        federated_auc_mean: 0.75,
        federated_auc_worstDecile: 0.5,
        federated_auc_spread: 0.125,
      },
      { round: 3, metric_f1: 0.75, federated_auc_mean: null },
    ]);
    expect(await lines("invocations.jsonl")).toMatchObject([
      { round: 1, clientId: "a", metric_auc: null },
      { round: 1, clientId: "b" },
      { round: 2, clientId: "a", metric_auc: 0.625 },
      { round: 2 },
      { round: 3 },
      { round: 3 },
    ]);
    expect(warnings, "told once").toEqual([
      expect.stringMatching(/^Round 1 lacks 3 of its invocations, and later ones may: .*keepInvocationsDays/),
    ]);
  });

  test("ask for as many rounds at once as their documents' size allows", async () => {
    const wide = { ...run, spec: { ...run.spec, selection: { ...run.spec.selection, cohortSize: 1_000 } } };
    asked.limits = [];
    const out = await mkdtemp(join(folder, "wide-"));
    const what = {
      kind: "tables",
      format: "csv",
      tables: ["rounds"],
      runId: run.runId,
      rounds: all,
      out,
      force: false,
    } as const;
    await exportTables(what, wide, api, out, () => undefined);
    expect(asked.limits).toEqual([10, 10]);
  });

  test("as Parquet are written in groups, and typed where a column holds nothing", async () => {
    const path = join(folder, "groups.parquet");
    const table = await openParquet(path, [
      { name: "n", type: "whole" },
      { name: "t", type: "instant" },
      { name: "s", type: "text" },
      { name: "none", type: "number" },
    ]);
    const rows = 50_001;
    for (let i = 0; i < rows; i++) await table.add([i, i, i % 2 === 0 ? null : "é", null]);
    await table.finish();
    const read = await parquetReadObjects({ file: await asyncBufferFromFile(path) });
    expect(read).toHaveLength(rows);
    expect(read.at(-1)).toEqual({ n: 50_000n, t: new Date(50_000), s: null, none: null });
    expect(read[1]).toEqual({ n: 1n, t: new Date(1), s: "é", none: null });
  });

  test("as Parquet may have no row", async () => {
    const path = join(folder, "empty.parquet");
    const table = await openParquet(path, [{ name: "n", type: "whole" }]);
    await table.finish();
    expect(await parquetReadObjects({ file: await asyncBufferFromFile(path) })).toEqual([]);
  });
});

describe("a trace", () => {
  const deps = { api, nowMs: () => 0, warn: () => undefined };

  test("is of the rounds that were asked for", async () => {
    asked.rounds = [];
    const path = join(folder, "trace.json");
    await exportTrace(run, { first: 2, last: 2 }, deps, path);
    expect(asked.rounds).toEqual([2]);
    const { traceEvents } = JSON.parse(await readFile(path, "utf8"));
    expect(traceEvents.filter(({ cat }: { cat?: string }) => cat === "invocation")).toHaveLength(2);
  });

  test("that is too large is refused, with the rounds that fit", async () => {
    const tooLarge = exportTrace(run, all, deps, join(folder, "large.json"), 6_000);
    await expect(tooLarge).rejects.toThrow(
      /larger than 100 MB.*Export fewer rounds, such as --rounds 1-\d\.$/,
    );
  });
});

test("a folder appears whole, or not at all", async () => {
  const out = join(folder, "whole");
  const open = await openOutFolder(out, false);
  expect(existsSync(out)).toBe(false);
  await open.discard();
  const again = await openOutFolder(out, false);
  expect(await again.finish()).toEqual([]);
  expect(existsSync(out)).toBe(true);
  await again.discard();
  expect(existsSync(out), "what is finished stays").toBe(true);
  await expect(openOutFolder(out, false)).rejects.toThrow(/exists already/);
});

describe("an api that is too busy", () => {
  async function answers(...statuses: readonly number[]) {
    const left = [...statuses];
    const server = createServer((_, response) => {
      const status = left.shift() ?? 500;
      response.statusCode = status;
      response.end(status === 200 ? JSON.stringify({ items: [], nextCursor: null }) : "busy");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const client = apiClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, async () => "t");
    const stop = async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    };
    return { client, left, stop };
  }

  test("is asked again for what changes nothing", async () => {
    const { client, stop } = await answers(503, 429, 200);
    expect(await client.clients()).toEqual([]);
    await stop();
  });

  test("is not asked again for what may have been done", async () => {
    const { client, left, stop } = await answers(503, 200);
    const failure = await client.act("run-1", "start").catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(FlError);
    expect(String(failure)).toMatch(/POST \/v1\/runs\/run-1\/start answered 503: busy/);
    expect(left).toEqual([200]);
    await stop();
  });
});
