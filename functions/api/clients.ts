// Clients: register, list, read, retire.

import { isDeepStrictEqual } from "node:util";
import * as z from "zod";
import type { Principal } from "../../shared/cloud/auth/verifyIdToken.ts";
import { found } from "../../shared/cloud/store/found.ts";
import { FlError } from "../../shared/core/errors.ts";
import { refs } from "../../shared/core/ports/store.ts";
import { Check } from "../../shared/core/schemas/check.ts";
import { Client, ClientRegistration, plainAddress } from "../../shared/core/schemas/client.ts";
import { ClientId } from "../../shared/core/schemas/ids.ts";
import { readTolerantly } from "../../shared/core/schemas/readTolerantly.ts";
import { type AnyRoute, NoParams, NoQuery, route } from "../../shared/http/routes.ts";
import type { ApiDeps } from "./deps.ts";
import { type IdempotencyKey, idempotencyKey, recall, remember } from "./idempotency.ts";
import { lastChecks } from "./lastChecks.ts";
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

export function clientRoutes({ store, nowMs }: ApiDeps): readonly AnyRoute<Principal>[] {
  return [
    define({
      method: "POST",
      path: "/v1/clients",
      operationId: "registerClient",
      summary: "Register a client. Registering the same again is harmless; to change one, delete it first.",
      params: NoParams,
      query: NoQuery,
      body: ClientRegistration,
      answer: { status: 201, schema: Client },
      idempotent: true,
      run: ({ body, json, caller, request }) => register(body, idempotencyKey(request, json, caller)),
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
      method: "DELETE",
      path: "/v1/clients/{clientId}",
      operationId: "retireClient",
      summary: "Retire a client: no round selects it any more. What it has contributed stays.",
      params: ClientParams,
      query: NoQuery,
      answer: { status: 200, schema: Client },
      run: ({ params }) => retire(params.clientId),
    }),
  ];

  function register(registration: ClientRegistration, key: IdempotencyKey | null): Promise<Client> {
    const ref = refs.client(registration.clientId);
    return store.transact("register-client", async (transaction) => {
      const known = await transaction.get(ref);
      // A late duplicate must not bring a client back that was retired meanwhile.
      if ((await recall(transaction, key)) !== null && known !== null) return known;
      if (known !== null && !known.retired) {
        const {
          retired: _retired,
          registeredAt: _registered,
          updatedAt: _updated,
          cannot: _cannot,
          ...given
        } = known;
        // Read as a registration, it is without what another release may have added.
        const before = readTolerantly(ClientRegistration, { ...given, url: plainAddress(given.url) });
        if (isDeepStrictEqual(before.data, registration)) return known;
        throw new FlError(
          "already-exists",
          `Client ${registration.clientId} is registered with other data: delete it first.`,
        );
      }
      const client = { ...registration, retired: false, registeredAt: nowMs(), updatedAt: nowMs() };
      transaction.set(ref, client);
      remember(transaction, key, { runId: null, round: null, request: null }, nowMs());
      return client;
    });
  }

  function retire(clientId: string): Promise<Client> {
    const ref = refs.client(clientId);
    return store.transact("retire-client", async (transaction) => {
      const client = presentClient(clientId, await transaction.get(ref));
      const retired = { ...client, retired: true, updatedAt: nowMs() };
      transaction.set(ref, retired);
      return retired;
    });
  }
}

export function presentClient(clientId: string, client: Client | null): Client {
  return found(client?.retired === true ? null : client, `client ${clientId}`);
}
