// Which of the registered clients a run may invite: those with the labels that it asks for.
import type { Client } from "../../schemas/client.ts";
import { CODE_KINDS, missingCode, type RequiredCode } from "../../schemas/ownCode.ts";
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
 * joins or leaves when its labels change. The labels are not kept: there may be 100,000 clients. The same is
 * so of one whose registration says that it lacks code which the run requires.
 */
export function wantedClient(
  selection: { readonly clients?: ClientWish | undefined },
  { labels = {}, code, ...client }: ChangedClient,
  requires?: RequiredCode | undefined,
): ChangedClient {
  const lacks = code !== undefined && missingCode(requires, code) !== null;
  return isWanted(selection, { labels }) && !lacks ? client : { ...client, retired: true };
}

/** The wish in words, for a reason; empty where there is none. */
export function wishWords(
  { clients }: { readonly clients?: ClientWish | undefined },
  requires?: RequiredCode | undefined,
): string {
  const labels = Object.entries(clients?.labels ?? {}).map(([name, value]) => `${name}=${value}`);
  const code = CODE_KINDS.flatMap((kind) => {
    const wanted = requires?.[kind];
    return wanted === undefined
      ? []
      : [`the ${kind} ${[wanted.name, wanted.version ?? []].flat().join(" ")}`];
  });
  const wishes = [
    ...(labels.length === 0
      ? []
      : [`${labels.length === 1 ? "the label" : "the labels"} ${labels.join(", ")}`]),
    ...code,
  ];
  return wishes.length === 0 ? "" : ` with ${wishes.join(" and ")}`;
}
