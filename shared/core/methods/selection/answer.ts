// Turns the order in which a strategy takes clients into its answer.
import { byClientId } from "./roster.ts";
import type { Consideration, RosterEntry, Selection } from "./strategy.ts";

/** What a strategy says of a client beside whether it is in the cohort. */
export type Said = Omit<Consideration, "clientId" | "chosen" | "rank">;

/**
 * The cohort and what is said of each client. Groups are those that have members, in the order of
 * `groupNames`.
 *
 * @param order of those chosen, the first taken first.
 * @param say of a client that is free, and its place among the chosen, from 1; null where it is not.
 */
export function answerOf(
  { free, busy }: { readonly free: readonly RosterEntry[]; readonly busy: readonly Consideration[] },
  order: readonly RosterEntry[],
  say: (client: RosterEntry, rank: number | null) => Said,
  groupNames: readonly string[] = [],
): Pick<Selection, "cohort" | "considered" | "groups"> {
  const rankById = new Map(order.map(({ clientId }, i) => [clientId, i + 1]));
  const sizes = new Map<string, { size: number; chosen: number }>();
  const considered = free.map((client): Consideration => {
    const { clientId } = client;
    const rank = rankById.get(clientId) ?? null;
    const said = say(client, rank);
    if (said.group !== undefined) {
      const counted = sizes.get(said.group) ?? { size: 0, chosen: 0 };
      counted.size += 1;
      counted.chosen += rank === null ? 0 : 1;
      sizes.set(said.group, counted);
    }
    return { clientId, chosen: rank !== null, ...said, rank };
  });
  const groups = groupNames.flatMap((name) => {
    const counted = sizes.get(name);
    return counted === undefined ? [] : [{ name, ...counted, figures: [] }];
  });
  return {
    cohort: order.toSorted(byClientId).map(({ clientId }) => clientId),
    considered: [...considered, ...busy].sort(byClientId),
    ...(groupNames.length === 0 ? {} : { groups }),
  };
}
