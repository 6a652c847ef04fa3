// How clients behave: a run's roster, its invocations over many rounds, and one client's in all runs.
import * as z from "zod";
import type { Principal } from "../../shared/cloud/auth/verifyIdToken.ts";
import { found, readRun } from "../../shared/cloud/store/found.ts";
import { refs } from "../../shared/core/ports/store.ts";
import { InvocationFigures, RunInvocation } from "../../shared/core/schemas/figures.ts";
import { ClientId, RoundNumber } from "../../shared/core/schemas/ids.ts";
import { RosterRecord } from "../../shared/core/schemas/roster.ts";
import { badInput } from "../../shared/http/parse.ts";
import { type AnyRoute, NoQuery, route } from "../../shared/http/routes.ts";
import { ClientParams } from "./clients.ts";
import type { ApiDeps } from "./deps.ts";
import { PageQuery, page, pageOf } from "./paging.ts";
import { RunParams } from "./runs.ts";

const define = route<Principal>();

/** Rounds that one window has at most: each is a query. */
const MAX_WINDOW = 100;
const MAX_WINDOW_ITEMS = 10_000;

const roundIn = (words: string) =>
  z.coerce.number("use a round's number, 1 for the first").pipe(RoundNumber).describe(words);

const WindowQuery = z.strictObject({
  from: roundIn("The first round."),
  to: roundIn(`The last round, included; ${MAX_WINDOW} rounds at most.`),
  limit: z.coerce
    .number(`use a whole number from 1 to ${MAX_WINDOW_ITEMS}`)
    .int()
    .min(1)
    .max(MAX_WINDOW_ITEMS)
    .default(1_000)
    .describe("Items in the page, at most."),
  cursor: PageQuery.shape.cursor,
});

const RosterQuery = NoQuery.extend({
  cursor: z.coerce
    .number("use nextCursor of the page before")
    .int()
    .min(0)
    .max(9_999)
    .default(0)
    .describe("nextCursor of the page before."),
});

const RosterPage = z
  .strictObject({
    foldedRound: z.int().min(0).describe("The last round that it knows the outcomes of; 0 before the first."),
    items: z
      .array(RosterRecord.extend({ clientId: ClientId }).meta({ id: "RosterEntry" }))
      .describe("Up to 500 clients, by name."),
    nextCursor: z.string().nullable(),
  })
  .meta({ id: "RosterPage" });
type RosterPage = z.infer<typeof RosterPage>;

export function behaviourRoutes({ store }: ApiDeps): readonly AnyRoute<Principal>[] {
  return [
    define({
      method: "GET",
      path: "/v1/runs/{runId}/roster",
      operationId: "listRoster",
      summary: "List how a run's clients have behaved, as its scheduler knows it.",
      params: RunParams,
      query: RosterQuery,
      answer: { status: 200, schema: RosterPage },
      run: ({ params, query }) => rosterPage(params.runId, query.cursor),
    }),
    define({
      method: "GET",
      path: "/v1/runs/{runId}/invocations",
      operationId: "listRunInvocations",
      summary: "List the invocations of a window of rounds with their times, by round and client.",
      params: RunParams,
      query: WindowQuery,
      answer: { status: 200, schema: pageOf(InvocationFigures) },
      run: async ({ params: { runId }, query: { from, to, ...query } }) => {
        const message = windowProblem(from, to);
        if (message !== null) throw badInput([{ path: "query.to", message }]);
        await readRun(store, runId);
        return page(query, (request) => store.invocationFigures(runId, { from, to }, request));
      },
    }),
    define({
      method: "GET",
      path: "/v1/clients/{clientId}/invocations",
      operationId: "listClientInvocations",
      summary: "List a client's invocations in all runs, the last invited first.",
      params: ClientParams,
      query: PageQuery,
      answer: { status: 200, schema: pageOf(RunInvocation) },
      run: async ({ params: { clientId }, query }) => {
        found(await store.get(refs.client(clientId)), `client ${clientId}`);
        return page(query, (request) => store.clientInvocations(clientId, request));
      },
    }),
  ];

  async function rosterPage(runId: string, shard: number): Promise<RosterPage> {
    await readRun(store, runId);
    const [one, next] = await store.getAll([
      refs.rosterShard(runId, shard),
      refs.rosterShard(runId, shard + 1),
    ]);
    const records = Object.entries(one?.clients ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1));
    return {
      foldedRound: one?.foldedRound ?? 0,
      items: records.map(([clientId, record]) => ({ clientId, ...record })),
      nextCursor: next === null || next === undefined ? null : String(shard + 1),
    };
  }
}

function windowProblem(from: number, to: number): string | null {
  if (to < from) return "is before `from`";
  return to - from >= MAX_WINDOW ? `use a window of ${MAX_WINDOW} rounds at most` : null;
}
