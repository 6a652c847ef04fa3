// What every relay's options have.
import * as z from "zod";

/** Hops of one group at most: each is decided by looking at the group's invocations, in one transaction. */
const MAX_GROUP_SIZE = 50;

export const sharedOptions = {
  groupSize: z
    .number()
    .int()
    .min(2)
    .max(MAX_GROUP_SIZE)
    .default(5)
    .describe(
      "Clients of a group at most. Each trains the model that the one before it has made, so that a round takes as many times as long.",
    ),
};
