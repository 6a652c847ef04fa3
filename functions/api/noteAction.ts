// Who did what to a run or a client, and when: written in the transaction that does it.
import type { Principal } from "../../shared/cloud/auth/verifyIdToken.ts";
import { refs, type Transaction } from "../../shared/core/ports/store.ts";
import type { Action } from "../../shared/core/schemas/action.ts";
import type { ApiDeps } from "./deps.ts";

type Done = Pick<Action, "action"> & Partial<Pick<Action, "round" | "version" | "changed">>;

/** Writes down what a caller does to a run or a client, in the transaction that does it. */
export function noteAction(
  transaction: Transaction,
  about: { readonly runId: string } | { readonly clientId: string },
  { email }: Principal,
  done: Done,
  { newActionId, nowMs }: Pick<ApiDeps, "newActionId" | "nowMs">,
): void {
  const action: Action = {
    doneAt: nowMs(),
    by: email,
    runId: null,
    clientId: null,
    changed: [],
    ...about,
    ...done,
  };
  transaction.create(refs.action(about, newActionId()), action);
}
