// What every strategy's options have in common: how many clients a round wants, and how many more it invites.
import { z } from "zod";

export const cohortOptions = {
  cohortSize: z.int().min(1).max(100_000).describe("Clients a round; fewer when fewer are free."),
};
