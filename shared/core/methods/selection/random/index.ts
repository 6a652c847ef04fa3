// Uniform selection: every free client is as likely as any other. The baseline, as in FedAvg.
import { ordinal } from "../ordinal.ts";
import { byClientId, splitRoster } from "../roster.ts";
import type { Consideration, Select, Strategy } from "../strategy.ts";
import type { RandomOptions } from "./face.ts";

const select: Select<RandomOptions> = (input, random) => {
  const { free, busy } = splitRoster(input);
  const size = Math.min(input.cohortSize, free.length);
  const drawn = random.sample(free, size);
  const rankById = new Map(drawn.map(({ clientId }, i) => [clientId, i + 1]));
  const considered = free.map(({ clientId }): Consideration => {
    const rank = rankById.get(clientId) ?? null;
    const reason =
      rank === null
        ? `not drawn: ${size} of ${free.length} available were`
        : `drawn ${ordinal(rank)} of ${size} from ${free.length} available`;
    return { clientId, chosen: rank !== null, reason, rank };
  });
  return {
    cohort: drawn.toSorted(byClientId).map(({ clientId }) => clientId),
    considered: [...considered, ...busy].sort(byClientId),
  };
};

export const behaviour: Strategy<RandomOptions> = { select };
