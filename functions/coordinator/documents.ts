// Reads the clients that a call is about, and checks whose invocation it is.
import type { Principal } from "../../shared/cloud/auth/verifyIdToken.ts";
import { FlError } from "../../shared/core/errors.ts";
import { refs, type Store, type UnreadableDocument } from "../../shared/core/ports/store.ts";
import type { Client } from "../../shared/core/schemas/client.ts";
import type { Invocation } from "../../shared/core/schemas/invocation.ts";

/** Those of these clients that are registered, by name, and those whose documents are damaged. */
export async function registeredClients(
  clientIds: readonly string[],
  { store }: { readonly store: Store },
): Promise<{
  readonly clients: ReadonlyMap<string, Client>;
  readonly unreadable: readonly UnreadableDocument[];
}> {
  const { items, unreadable } = await store.list(clientIds.map((clientId) => refs.client(clientId)));
  const clients = new Map(items.flatMap((client) => (client.retired ? [] : [[client.clientId, client]])));
  return { clients, unreadable };
}

/** Refuses anybody but the client that the invocation belongs to. Says no more than an outsider may know. */
export function checkOwner(invocation: Invocation | null, caller: Principal): Invocation {
  if (invocation === null || !isOwner(invocation, caller)) throw notTheirs();
  return invocation;
}

export function isOwner(invocation: Invocation | null, caller: Principal): boolean {
  return invocation?.serviceAccount.toLowerCase() === caller.email;
}

export function notTheirs(): FlError {
  return new FlError(
    "permission-denied",
    "This invocation is not the caller's: claim and report as the service account that the client is registered with.",
  );
}
