// REFL's selection as a spec names it.
import * as z from "zod";
import type { Face } from "../../face.ts";
import { cohortOptions } from "../cohortOptions.ts";
import { durationOptions } from "../durationOptions.ts";

export const ReflOptions = z.strictObject({
  strategy: z
    .literal("refl")
    .describe(
      "Clients that can finish now and will be gone soon go first; nobody is invited twice in a row.",
    ),
  ...cohortOptions,
  restRounds: z
    .int()
    .min(0)
    .max(1_000)
    .default(5)
    .describe("Rounds that a client is not invited after one that it was in, while others suffice."),
  periodSeconds: z
    .number()
    .positive()
    .max(31_536_000)
    .default(86_400)
    .describe("After so long availability repeats itself: a client that was away is expected to be again."),
  roundSmoothing: z
    .number()
    .min(0)
    .lt(1)
    .default(0.25)
    .describe("Weight of earlier rounds in the expected length of a round."),
  ...durationOptions,
});
export type ReflOptions = z.infer<typeof ReflOptions>;

export const face = {
  name: "refl",
  title: "REFL's selection",
  paper: "Abdelmoniem, Sahu, Canini, Fahmy: REFL: Resource-Efficient Federated Learning, EuroSys 2023",
  options: ReflOptions,
} as const satisfies Face;
