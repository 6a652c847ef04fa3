// Which of the objects that a client has written is the one it goes on from.
import type { ClientState } from "../schemas/clientState.ts";
import type { Receipt, ReportRequest } from "../schemas/protocol.ts";

/**
 * The client's state once a report counts; null where the report leaves it as it is: it names none, its
 * update is of no use, or a later round's report came before. What has been superseded is of no use any more.
 */
export function stateAfterReport(
  current: ClientState | null,
  { runId, round, clientId, attempt, result }: ReportRequest,
  { status }: Receipt,
  nowMs: number,
): ClientState | null {
  if (result.kind !== "update" || result.clientState === undefined) return null;
  if (status !== "reported" && status !== "late") return null;
  if (current !== null && current.round >= round) return null;
  return { runId, round, clientId, attempt, ...result.clientState, updatedAt: nowMs };
}
