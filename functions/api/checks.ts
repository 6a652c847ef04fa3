// Checks of clients: asks for one, and shows what the last ones found.
import * as z from "zod";
import type { Principal } from "../../shared/cloud/auth/verifyIdToken.ts";
import { readRun } from "../../shared/cloud/store/found.ts";
import { FlError } from "../../shared/core/errors.ts";
import { refs } from "../../shared/core/ports/store.ts";
import { askCheck, checkCommands, shownCheck } from "../../shared/core/round/check.ts";
import { Check } from "../../shared/core/schemas/check.ts";
import { DataName, RunId } from "../../shared/core/schemas/ids.ts";
import { type AnyRoute, NoQuery, route } from "../../shared/http/routes.ts";
import { ClientParams, presentClient } from "./clients.ts";
import type { ApiDeps } from "./deps.ts";
import { type IdempotencyKey, idempotencyKey, recall, remember } from "./idempotency.ts";
import { lastChecks } from "./lastChecks.ts";
import { noteAction } from "./noteAction.ts";

const define = route<Principal>();

const CheckWish = z
  .strictObject({
    runId: RunId.optional().describe(
      "A run that is prepared: the client trains a few steps of its model, on the data that its spec names.",
    ),
    data: DataName.optional().describe("Without a run: which of the client's data sets to read."),
  })
  .meta({ id: "CheckWish" });
type CheckWish = z.infer<typeof CheckWish>;

const Checks = z
  .strictObject({ items: z.array(Check).describe("Up to ten, newest first.") })
  .meta({ id: "Checks" });

export function checkRoutes(deps: ApiDeps): readonly AnyRoute<Principal>[] {
  const { store, dispatch, nowMs } = deps;
  return [
    define({
      method: "POST",
      path: "/v1/clients/{clientId}/check",
      operationId: "checkClient",
      summary:
        "Have a client say whether it could take part: reach, identity, backend, data, and with a run a few training steps.",
      params: ClientParams,
      query: NoQuery,
      body: CheckWish,
      answer: { status: 202, schema: Check },
      idempotent: true,
      run: ({ params: { clientId }, body, json, caller, request }) =>
        ask(clientId, body, caller, idempotencyKey(request, json, caller)),
    }),
    define({
      method: "GET",
      path: "/v1/clients/{clientId}/checks",
      operationId: "listClientChecks",
      summary: "List a client's last checks.",
      params: ClientParams,
      query: NoQuery,
      answer: { status: 200, schema: Checks },
      run: async ({ params: { clientId } }) => {
        presentClient(clientId, await store.get(refs.client(clientId)));
        return { items: [...(await lastChecks(clientId, deps))] };
      },
    }),
  ];

  async function ask(
    clientId: string,
    { runId, data }: CheckWish,
    caller: Principal,
    key: IdempotencyKey | null,
  ): Promise<Check> {
    const wish = { runId: runId ?? null, data: data ?? null, askedBy: caller.email };
    if (runId !== undefined) {
      const { spec, model, status } = await readRun(store, runId);
      if (model === null || status === "failed") {
        const message = `Run ${runId} is ${status}: a client is checked for a run once its model is prepared.`;
        throw new FlError("failed-precondition", message, { retry: "never" });
      }
      wish.data = spec.data ?? null;
    }
    const ref = refs.checks(clientId);
    const check = await store.transact("ask-check", async (transaction) => {
      const client = presentClient(clientId, await transaction.get(refs.client(clientId)));
      const known = await transaction.get(ref);
      const before = await recall(transaction, key);
      const made = known?.checks.find(({ number }) => number === before?.request);
      if (made !== undefined) return made;
      const asked = askCheck(known, client, wish, nowMs());
      transaction.set(ref, asked.checks);
      noteAction(transaction, { clientId }, caller, { action: "check-client" }, deps);
      remember(transaction, key, { runId: null, round: null, request: asked.check.number }, nowMs());
      return asked.check;
    });
    await dispatch(checkCommands(check));
    return shownCheck(check, nowMs());
  }
}
