// What a client and the coordinator say to each other about a check: claim → grant, report → receipt.
import * as z from "zod";
import { CheckFacts } from "./check.ts";
import { InvocationFailure } from "./failure.ts";
import { ClientId, DataName, Instant, RunId } from "./ids.ts";
import { Parameter } from "./model.ts";
import { Grant } from "./protocol.ts";

const CheckNumber = z.number().int().min(1).max(1_000_000_000);

export const CheckClaim = z
  .strictObject({
    clientId: ClientId,
    number: CheckNumber,
    release: z.number().int().min(1).max(1_000).describe("Of the client protocol that the client knows."),
  })
  .meta({ id: "CheckClaim" });
export type CheckClaim = z.infer<typeof CheckClaim>;

/** What a client may know for one check: it reads, and writes nothing. */
export const CheckGrant = z
  .strictObject({
    untilAt: Instant,
    data: DataName.optional().describe("Which of its data sets to read; absent: its only, unnamed one."),
    run: z
      .strictObject({
        runId: RunId,
        training: Grant.shape.training,
        seed: z.number().int(),
        parameters: z.array(Parameter),
        topology: Grant.shape.topology.optional(),
        model: Grant.shape.model,
      })
      .optional()
      .describe("What to train a few steps of, as a run's grant has it; absent: nothing."),
  })
  .meta({ id: "CheckGrant" });
export type CheckGrant = z.infer<typeof CheckGrant>;

export const CheckReport = z
  .strictObject({
    clientId: ClientId,
    number: CheckNumber,
    facts: CheckFacts,
    problems: z.array(InvocationFailure).max(8),
  })
  .meta({ id: "CheckReport" });
export type CheckReport = z.infer<typeof CheckReport>;

export const CheckReceipt = z
  .strictObject({ status: z.enum(["taken", "ignored"]) })
  .meta({ id: "CheckReceipt" });
export type CheckReceipt = z.infer<typeof CheckReceipt>;
