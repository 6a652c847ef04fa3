// What people did to a run or a client, and when: names of what was changed, and never values.
import * as z from "zod";
import { ClientId, Instant, ModelVersion, RoundNumber, RunId } from "./ids.ts";

const ACTION_KINDS = [
  "create-run",
  "start-run",
  "pause-run",
  "resume-run",
  "cancel-run",
  "trigger-round",
  "change-run",
  "register-client",
  "change-client",
  "retire-client",
  "check-client",
  "evaluate-model",
] as const;

/** `runs/{runId}/actions/{id}` or `clients/{clientId}/actions/{id}`. */
export const Action = z
  .strictObject({
    doneAt: Instant,
    by: z.string().describe("The e-mail address of the identity that called."),
    action: z.enum(ACTION_KINDS),
    runId: RunId.nullable().default(null),
    clientId: ClientId.nullable().default(null),
    round: RoundNumber.optional().describe("The round that was asked for."),
    version: ModelVersion.optional().describe("The model version that it was about."),
    changed: z.array(z.string()).default([]).describe("The fields that were changed, by path."),
  })
  .meta({ id: "Action" });
export type Action = z.infer<typeof Action>;
