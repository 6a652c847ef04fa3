// What FedLesScan keeps from round to round.
import * as z from "zod";
import { RoundNumber } from "../../../schemas/ids.ts";

export const FedlesscanState = z.strictObject({
  clusteringSince: RoundNumber.describe("The run's first round that took clients from clusters."),
});
export type FedlesscanState = z.infer<typeof FedlesscanState>;
