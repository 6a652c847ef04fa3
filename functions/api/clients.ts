// Clients: register, list, read, retire.

import { isDeepStrictEqual } from "node:util";
import * as z from "zod";
import type { Principal } from "../../shared/cloud/auth/verifyIdToken.ts";
import { found } from "../../shared/cloud/store/found.ts";
import { FlError } from "../../shared/core/errors.ts";
import { refs } from "../../shared/core/ports/store.ts";
import { changedPaths, merged } from "../../shared/core/round/change.ts";
import { Check } from "../../shared/core/schemas/check.ts";
import { Client, ClientRegistration, plainAddress } from "../../shared/core/schemas/client.ts";
import { ClientChange, GivenRegistration } from "../../shared/core/schemas/clientChange.ts";
import { ClientId } from "../../shared/core/schemas/ids.ts";
import { readTolerantly } from "../../shared/core/schemas/readTolerantly.ts";
import { parse } from "../../shared/http/parse.ts";
import { type AnyRoute, NoParams, NoQuery, route } from "../../shared/http/routes.ts";
import type { ApiDeps } from "./deps.ts";
import { type IdempotencyKey, idempotencyKey, recall, remember } from "./idempotency.ts";
import { lastChecks } from "./lastChecks.ts";
import { noteAction } from "./noteAction.ts";
import { PageQuery, page, pageOf } from "./paging.ts";
import { unanswered } from "./unanswered.ts";

const define = route<Principal>();
export const ClientParams = z.strictObject({ clientId: ClientId });

const ClientSeen = Client.extend({
  unanswered: z
    .string()
    .nullable()
    .describe("Why its address looks wrong, where none of its latest invitations was answered."),
  lastCheck: Check.nullable().describe("What its last check found; null where it was not checked yet."),
}).meta({ id: "ClientSeen" });

export function clientRoutes(deps: ApiDeps): readonly AnyRoute<Principal>[] {
  const { store, nowMs } = deps;
  return [
    define({
      method: "POST",
      path: "/v1/clients",
      operationId: "registerClient",
      summary: "Register a client. Registering the same again is harmless; to change one, delete it first.",
      params: NoParams,
      query: NoQuery,
      body: GivenRegistration,
      answer: { status: 201, schema: Client },
      idempotent: true,
      run: ({ body, json, caller, request }) => register(body, caller, idempotencyKey(request, json, caller)),
    }),
    define({
      method: "GET",
      path: "/v1/clients",
      operationId: "listClients",
      summary: "List registered clients by name.",
      params: NoParams,
      query: PageQuery,
      answer: { status: 200, schema: pageOf(Client) },
      run: ({ query }) => page(query, (request) => store.listClients(request)),
    }),
    define({
      method: "GET",
      path: "/v1/clients/{clientId}",
      operationId: "getClient",
      summary: "Read a client.",
      params: ClientParams,
      query: NoQuery,
      answer: { status: 200, schema: ClientSeen },
      run: async ({ params: { clientId } }) => ({
        ...presentClient(clientId, await store.get(refs.client(clientId))),
        unanswered: await unanswered(clientId, store),
        lastCheck: (await lastChecks(clientId, { store, nowMs }))[0] ?? null,
      }),
    }),
    define({
      method: "PATCH",
      path: "/v1/clients/{clientId}",
      operationId: "changeClient",
      summary: "Change fields of a client; the others stay. Rounds that are open go on with what they know.",
      params: ClientParams,
      query: NoQuery,
      body: ClientChange,
      answer: { status: 200, schema: Client },
      run: ({ params, body, caller }) => change(params.clientId, body, caller),
    }),
    define({
      method: "DELETE",
      path: "/v1/clients/{clientId}",
      operationId: "retireClient",
      summary: "Retire a client: no round selects it any more. What it has contributed stays.",
      params: ClientParams,
      query: NoQuery,
      answer: { status: 200, schema: Client },
      run: ({ params, caller }) => retire(params.clientId, caller),
    }),
  ];

  async function register(
    registration: ClientRegistration,
    caller: Principal,
    key: IdempotencyKey | null,
  ): Promise<Client> {
    const ref = refs.client(registration.clientId);
    return store.transact("register-client", async (transaction) => {
      const known = await transaction.get(ref);
      // A late duplicate must not bring a client back that was retired meanwhile.
      if ((await recall(transaction, key)) !== null && known !== null) return known;
      if (known !== null && !known.retired) {
        if (isDeepStrictEqual(registrationOf(known), registration)) return known;
        throw new FlError(
          "already-exists",
          `Client ${registration.clientId} is registered with other data: change it (PATCH), or delete it first.`,
        );
      }
      const client = { ...registration, retired: false, registeredAt: nowMs(), updatedAt: nowMs() };
      transaction.set(ref, client);
      noteAction(transaction, { clientId: client.clientId }, caller, { action: "register-client" }, deps);
      remember(transaction, key, { runId: null, round: null, request: null }, nowMs());
      return client;
    });
  }

  function change(clientId: string, wish: ClientChange, caller: Principal): Promise<Client> {
    const ref = refs.client(clientId);
    return store.transact("change-client", async (transaction) => {
      const known = presentClient(clientId, await transaction.get(ref));
      const before = registrationOf(known);
      const after = parse(GivenRegistration, merged(before, wish));
      if (isDeepStrictEqual(before, after)) return known;
      const { cannot: _cannot, code: _code, ...rest } = known;
      const client: Client = { ...rest, ...after, updatedAt: nowMs() };
      transaction.set(ref, client);
      const changed = [...changedPaths(before, after)];
      noteAction(transaction, { clientId }, caller, { action: "change-client", changed }, deps);
      return client;
    });
  }

  function retire(clientId: string, caller: Principal): Promise<Client> {
    const ref = refs.client(clientId);
    return store.transact("retire-client", async (transaction) => {
      const client = presentClient(clientId, await transaction.get(ref));
      const retired = { ...client, retired: true, updatedAt: nowMs() };
      transaction.set(ref, retired);
      noteAction(transaction, { clientId }, caller, { action: "retire-client" }, deps);
      return retired;
    });
  }
}

/** What a client is registered with, without what another release may have added. */
function registrationOf(client: Client): ClientRegistration | undefined {
  const {
    retired: _retired,
    registeredAt: _registered,
    updatedAt: _updated,
    cannot: _cannot,
    ...given
  } = client;
  return readTolerantly(ClientRegistration, { ...given, url: plainAddress(given.url) }).data;
}

export function presentClient(clientId: string, client: Client | null): Client {
  return found(client?.retired === true ? null : client, `client ${clientId}`);
}
