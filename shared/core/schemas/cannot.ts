// Why a client cannot take part in a run, as far as it has said so itself.
import * as z from "zod";
import { ReasonName } from "./failure.ts";
import { Instant, RunId } from "./ids.ts";

/** A reason that no repetition changes, and when the client was heard to give it. */
export const Cannot = z.strictObject({ reason: ReasonName, at: Instant });
export type Cannot = z.infer<typeof Cannot>;

/** What a client's last check has found to be so. */
export const ClientCannot = Cannot.extend({
  runId: RunId.nullable().describe("The run that it cannot train for; null for every one."),
});
export type ClientCannot = z.infer<typeof ClientCannot>;
