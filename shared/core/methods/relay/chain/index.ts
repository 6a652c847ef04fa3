// Chains: the cohort in random groups, each in random order.
import { byClientId } from "../../selection/roster.ts";
import type { RelayMethod } from "../relayMethod.ts";
import { inParts } from "../split.ts";
import type { ChainOptions } from "./face.ts";

export const behaviour: RelayMethod<ChainOptions> = {
  arrange(members, { groupSize }, random) {
    const ids = members.toSorted(byClientId).map(({ clientId }) => clientId);
    return inParts(random.shuffle(ids), groupSize);
  },
};
