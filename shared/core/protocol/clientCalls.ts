// The calls that a client makes to the coordinator, one row each: its client, its routes and its steps
// are derived from it.
import { CheckClaim, CheckGrant, CheckReceipt, CheckReport } from "../schemas/checkCalls.ts";
import { ClaimRequest, Grant, Receipt, ReportRequest } from "../schemas/protocol.ts";

export const CLIENT_CALLS = {
  claim: {
    path: "/claim",
    summary: "Claim an invocation and get what it needs.",
    body: ClaimRequest,
    answer: Grant,
  },
  report: {
    path: "/report",
    summary: "Report how an invocation ended.",
    body: ReportRequest,
    answer: Receipt,
  },
  "claim-check": {
    path: "/claim-check",
    summary: "Claim a check and get what it is to look at.",
    body: CheckClaim,
    answer: CheckGrant,
  },
  "report-check": {
    path: "/report-check",
    summary: "Report what a check found.",
    body: CheckReport,
    answer: CheckReceipt,
  },
} as const;

export type ClientCall = keyof typeof CLIENT_CALLS;
