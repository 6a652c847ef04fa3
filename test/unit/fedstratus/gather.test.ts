// What an estimate finds of runs that were made before: the one with the same clients, also where its roster
// has several pages.
import { expect, test } from "vitest";
import { gather, workOf } from "../../../infra/fedstratus/estimate/gather.ts";
import type { Api } from "../../../infra/fedstratus/frame/api.ts";
import { RunSpec } from "../../../shared/core/schemas/spec.ts";

const clientIds = ["a", "b", "c", "d"];
const spec = RunSpec.parse({
  name: "asked",
  model: { inputShape: [4], layers: [{ type: "Dense", units: 3, activation: "softmax" }] },
  selection: { strategy: "random", cohortSize: 2 },
});

/** An api with one run, whose roster has these clients on each page. */
function apiOf(pages: readonly (readonly string[])[]): Api {
  const read = (value: unknown) => ({ json: value, value });
  const run = {
    runId: "old",
    round: 1,
    openRound: null,
    startedAt: 0,
    endedAt: null,
    status: "paused",
    spec,
    model: { parameterCount: 15 },
    totals: { inTime: 8, invoked: 8, preparationUsd: 0 },
  };
  const items = (path: string): readonly unknown[] => {
    if (path === "/v1/runs") return [run];
    if (path !== "/v1/clients") return [];
    return clientIds.map((clientId) => ({
      clientId,
      url: `https://${clientId}.example.com`,
      status: "active",
      labels: {},
      capacity: { memoryMib: 512, vcpu: 1 },
      dataCard: {},
    }));
  };
  return {
    list: async (path: string) => ({ items: items(path).map(read) }),
    call: async ({ path, query }: { path: string; query?: { cursor?: string } }) => {
      if (path.endsWith("/checks")) return read({ items: [] });
      if (!path.endsWith("/roster")) return read(run);
      const page = Number(query?.cursor ?? 0);
      return read({
        items: (pages[page] ?? []).map((clientId) => ({ clientId, invocations: 1 })),
        nextCursor: page + 1 < pages.length ? String(page + 1) : null,
      });
    },
  } as unknown as Api;
}

test.each([
  ["half of the clients, on several pages", [["a"], ["b"]], "old"],
  ["half of the clients, on one", [["a", "b"]], "old"],
  ["fewer", [["a"], ["x", "y"]], undefined],
])("a run with %s", async (_what, pages, runId) => {
  const { like } = await gather(spec, workOf(spec, 15), undefined, apiOf(pages));
  expect(like?.runId).toBe(runId);
});
