// Uniform selection: every free client is as likely as any other. The baseline, as in FedAvg.
import { z } from "zod";
import { byClientId, splitRoster } from "./roster.ts";
import type { Consideration, Select } from "./strategy.ts";

export const RandomOptions = z.strictObject({
  strategy: z.literal("random"),
  cohortSize: z.int().min(1).max(100_000).describe("Clients a round; fewer when fewer are free."),
});
export type RandomOptions = z.infer<typeof RandomOptions>;

export const selectRandom: Select<RandomOptions> = (input, random) => {
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

/** 1st, 2nd, 3rd, 4th, 11th, 21st. */
function ordinal(n: number): string {
  const teen = n % 100 >= 11 && n % 100 <= 13;
  const suffix = teen ? "th" : (["th", "st", "nd", "rd"][n % 10] ?? "th");
  return `${n}${suffix}`;
}
