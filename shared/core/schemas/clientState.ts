// The document that says which object holds what a client keeps between the invocations of a run.
import * as z from "zod";
import { ClientId, Instant, RoundNumber, RunId } from "./ids.ts";
import { UpdatePointer } from "./invocation.ts";

/** An uploaded client state: of the attempt that reports it. */
export const ClientStatePointer = UpdatePointer.omit({ attempt: true }).meta({ id: "ClientStatePointer" });
export type ClientStatePointer = z.infer<typeof ClientStatePointer>;

/** `runs/{runId}/client-states/{clientId}`. */
export const ClientState = z
  .strictObject({
    runId: RunId,
    clientId: ClientId,
    round: RoundNumber.describe("Of the invocation whose report named it."),
    ...UpdatePointer.shape,
    updatedAt: Instant,
  })
  .meta({ id: "ClientState" });
export type ClientState = z.infer<typeof ClientState>;
