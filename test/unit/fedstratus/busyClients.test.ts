// Who is at work: in the open round of a run that is not over, or still in an earlier one.
import { expect, test } from "vitest";
import { busyClients } from "../../../infra/fedstratus/documents/busyClients.ts";
import type { Api } from "../../../infra/fedstratus/frame/api.ts";
import type { RunStatus } from "../../../shared/core/schemas/run.ts";

const NOW = 1_000_000;

interface Known {
  readonly status: RunStatus;
  readonly round: number;
  readonly invited?: Readonly<Record<string, string>>;
  /** Until when clients are at work, a page of the roster each. */
  readonly roster?: readonly Readonly<Record<string, number | null>>[];
}

/**
 * An api that knows these runs, and the paths that it was asked for.
 *
 * @param more answers for runs that say that there are more.
 */
function apiOf(runs: Readonly<Record<string, Known>>, more = 0) {
  const asked: string[] = [];
  let left = more;
  const read = (value: unknown) => ({ json: value, value });
  const api = {
    list: async (path: string) => {
      asked.push(path);
      const [, , , runId = ""] = path.split("/");
      const invited = Object.entries(runs[runId]?.invited ?? {});
      return { items: invited.map(([clientId, status]) => read({ clientId, status })) };
    },
    call: async ({ path, query }: { path: string; query: { cursor?: string; status?: string } }) => {
      asked.push(path);
      if (path === "/v1/runs") {
        const items = Object.entries(runs).flatMap(([runId, { status, round }]) =>
          query.status?.split(",").includes(status) === true ? [{ runId, status, round }] : [],
        );
        return read({ items, nextCursor: left-- > 0 ? "more" : null });
      }
      const pages = runs[path.split("/")[3] ?? ""]?.roster ?? [{}];
      const page = Number(query.cursor ?? 0);
      const items = Object.entries(pages[page] ?? {}).map(([clientId, busyUntilAt]) => ({
        clientId,
        busyUntilAt,
      }));
      return read({ items, nextCursor: page + 1 < pages.length ? String(page + 1) : null });
    },
  };
  return { api: api as unknown as Api, asked };
}

test.each<RunStatus>(["ready", "running", "paused"])("in a run that is %s", async (status) => {
  const { api } = apiOf({
    one: {
      status,
      round: 3,
      invited: { a: "invoked", b: "training", c: "reported", d: "failed" },
      roster: [
        { c: null, e: NOW + 1 },
        { f: NOW, g: NOW + 5 },
      ],
    },
  });
  expect([...(await busyClients(api, NOW)).clients].toSorted()).toEqual(["a", "b", "e", "g"]);
});

test("runs that are over, or have not begun, have nobody at work and are not asked", async () => {
  const roster = [{ a: NOW + 1 }];
  const { api, asked } = apiOf({
    over: { status: "completed", round: 3, invited: { a: "training" }, roster },
    stopped: { status: "cancelled", round: 3, roster },
    new: { status: "ready", round: 0, roster },
  });
  expect(await busyClients(api, NOW)).toEqual({ clients: new Set(), hasOlderRuns: false });
  expect(asked).toEqual(["/v1/runs"]);
});

test("of many runs the newest are looked at, in four calls, and what was left out is said", async () => {
  const runs = { one: { status: "running", round: 1, invited: { a: "training" } } } as const;
  for (const [more, calls, hasOlderRuns] of [
    [3, 4, false],
    [4, 4, true],
    [1_000, 4, true],
  ] as const) {
    const { api, asked } = apiOf(runs, more);
    const busy = await busyClients(api, NOW);
    expect([...busy.clients]).toEqual(["a"]);
    expect(busy.hasOlderRuns).toBe(hasOlderRuns);
    expect(asked.filter((path) => path === "/v1/runs")).toHaveLength(calls);
  }
});
