// How evenly a run uses its clients.
import * as z from "zod";

export const Participation = z
  .strictObject({
    clients: z
      .number()
      .int()
      .min(1)
      .describe("Clients that the round could choose from, busy ones included."),
    invited: z.number().int().min(0).describe("Those of them that any round has invited, this one included."),
    evenness: z
      .number()
      .min(0)
      .max(1)
      .describe(
        "Jain's index of how often each was invited: 1 where all were equally often, 1 / clients where only one ever was.",
      ),
  })
  .meta({ id: "Participation" });
export type Participation = z.infer<typeof Participation>;
