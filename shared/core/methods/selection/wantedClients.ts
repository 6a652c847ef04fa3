// Which of the registered clients a run may invite: those with the labels that it asks for.
import type { Client } from "../../schemas/client.ts";
import type { ChangedClient } from "../../schemas/roster.ts";
import type { ClientWish } from "./cohortOptions.ts";

/** Whether a client has every label that is asked for, with exactly its value. */
export function isWanted(
  { clients }: { readonly clients?: ClientWish | undefined },
  { labels }: Pick<Client, "labels">,
): boolean {
  return Object.entries(clients?.labels ?? {}).every(
    ([name, value]) => Object.hasOwn(labels, name) && labels[name] === value,
  );
}

/**
 * A client as a run's roster takes it: to it, one without the labels is the same as one that is retired, and
 * joins or leaves when its labels change. The labels are not kept: there may be 100,000 clients.
 */
export function wantedClient(
  selection: { readonly clients?: ClientWish | undefined },
  { labels = {}, ...client }: ChangedClient,
): ChangedClient {
  return isWanted(selection, { labels }) ? client : { ...client, retired: true };
}

/** The wish in words, for a reason; empty where there is none. */
export function wishWords({ clients }: { readonly clients?: ClientWish | undefined }): string {
  const labels = Object.entries(clients?.labels ?? {}).map(([name, value]) => `${name}=${value}`);
  return labels.length === 0
    ? ""
    : ` with ${labels.length === 1 ? "the label" : "the labels"} ${labels.join(", ")}`;
}
