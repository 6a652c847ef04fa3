// A strategy that no product has: the clients of the highest reported loss, those of the last cohort behind
// all others. It reads a signal and keeps a state, so that tests see both arrive.
import * as z from "zod";
import type { RandomOptions } from "../../shared/core/methods/selection/random/face.ts";
import { byClientId, splitRoster } from "../../shared/core/methods/selection/roster.ts";
import type { Consideration, RosterEntry, Strategy } from "../../shared/core/methods/selection/strategy.ts";

export const GREEDY_SIGNAL = "loss-after";

const State = z.strictObject({ last: z.array(z.string()).max(100), round: z.int().min(1) });
export type GreedyState = z.infer<typeof State>;

/** It takes the options of uniform selection, in whose place tests put it. */
export const greedy: Strategy<RandomOptions, GreedyState> = {
  state: State,
  signals: [GREEDY_SIGNAL],
  select: (input, random) => {
    const { free, busy } = splitRoster(input);
    const last = new Set(input.state?.last);
    const lossOf = ({ signals = {} }: RosterEntry): number => signals[GREEDY_SIGNAL] ?? Infinity;
    // Among equals by lot, those nothing is known of first.
    const order = random
      .shuffle(free)
      .toSorted(
        (a, b) =>
          Number(last.has(a.clientId)) - Number(last.has(b.clientId)) ||
          (lossOf(a) === lossOf(b) ? 0 : lossOf(b) - lossOf(a)),
      );
    const ranks = new Map(order.slice(0, input.cohortSize).map(({ clientId }, i) => [clientId, i + 1]));
    const considered = free.map((client): Consideration => {
      const rank = ranks.get(client.clientId) ?? null;
      const loss = lossOf(client);
      return {
        clientId: client.clientId,
        chosen: rank !== null,
        group: last.has(client.clientId) ? "last cohort" : "others",
        reason: loss === Infinity ? "its loss is not known" : `its loss is ${loss}`,
        rank,
      };
    });
    const cohort = considered.flatMap(({ clientId, chosen }) => (chosen ? [clientId] : []));
    return {
      cohort,
      considered: [...considered, ...busy].sort(byClientId),
      groups: ["others", "last cohort"].flatMap((name) => {
        const members = considered.filter(({ group }) => group === name);
        const chosen = members.filter((one) => one.chosen).length;
        return members.length === 0 ? [] : [{ name, size: members.length, chosen, figures: [] }];
      }),
      state: { last: cohort.slice(0, 100), round: input.round },
    };
  },
};
