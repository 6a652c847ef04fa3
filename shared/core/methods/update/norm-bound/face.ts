// The bound of an update's norm as a spec names it: `aggregation.norm`.
import * as z from "zod";
import type { Face } from "../../face.ts";

const max = z.number().positive().max(1e30).describe("The largest L2 norm that is within.");

/**
 * What becomes of an update whose L2 norm is above `max` (> 0; a norm of exactly `max` is within). `clip`: it
 * is shortened to `max` and keeps its direction. `reject`: it is refused. `none`: nothing; there is no bound.
 */
export const NormRule = z.discriminatedUnion("action", [
  z.strictObject({ action: z.literal("none").describe("There is no bound.") }),
  z.strictObject({ action: z.literal("clip").describe("Shortened to `max`; it keeps its direction."), max }),
  z.strictObject({ action: z.literal("reject").describe("Refused above `max`, with the reason."), max }),
]);
export type NormRule = z.infer<typeof NormRule>;

export const face = {
  name: "norm-bound",
  title: "Norm bound",
  paper: "Sun, Kairouz, Suresh, McMahan: Can You Really Backdoor Federated Learning?, 2019",
  options: NormRule,
} as const satisfies Face;
