// The versions of other runs that a round's clients learn from, and which of them could not be had.
import * as z from "zod";
import { MAX_TEACHERS } from "../methods/training/codistillation/face.ts";
import { ModelVersion, RunId } from "./ids.ts";

/** Runs of a group that a round's document names as left out at most. */
export const MAX_LEFT_OUT = 20;

export const RoundTeachers = z.strictObject({
  versions: z
    .array(z.strictObject({ runId: RunId, version: ModelVersion }))
    .max(MAX_TEACHERS)
    .describe("The same for all clients of the round."),
  leftOut: z
    .array(z.strictObject({ runId: z.string().max(100), reason: z.string().max(300) }))
    .max(MAX_LEFT_OUT)
    .describe("Other runs of the group, each with why it does not teach in this round."),
});
export type RoundTeachers = z.infer<typeof RoundTeachers>;
