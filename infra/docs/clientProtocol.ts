// The client protocol as JSON schemas, made of the schemas that the functions check messages with.
import * as z from "zod";
import { TASKS } from "../../shared/core/protocol/tasks.ts";
import { CLIENT_RELEASE } from "../../shared/core/round/clientRelease.ts";
import { CheckClaim, CheckGrant, CheckReceipt, CheckReport } from "../../shared/core/schemas/checkCalls.ts";
import { ClaimRequest, Grant, Receipt, ReportRequest } from "../../shared/core/schemas/protocol.ts";

type Json = Readonly<Record<string, unknown>>;

/** The messages between a client, its queue and the coordinator, by the names that the guide gives them. */
const MESSAGES = {
  Task: { schema: TASKS.invoke.body, isRead: true },
  Claim: { schema: ClaimRequest, isRead: false },
  Grant: { schema: Grant, isRead: true },
  Report: { schema: ReportRequest, isRead: false },
  Receipt: { schema: Receipt, isRead: true },
  CheckTask: { schema: TASKS.check.body, isRead: true },
  CheckClaim: { schema: CheckClaim, isRead: false },
  CheckGrant: { schema: CheckGrant, isRead: true },
  CheckReport: { schema: CheckReport, isRead: false },
  CheckReceipt: { schema: CheckReceipt, isRead: true },
} as const;

/** One JSON schema document with a definition for each message, as it travels. */
export function clientProtocolSchema(): string {
  const definitions = Object.entries(MESSAGES).flatMap(([name, { schema, isRead }]) => {
    const { $schema: _, $defs = {}, ...rest } = z.toJSONSchema(schema, { io: "input" }) as Json;
    const parts = $defs as Readonly<Record<string, Json>>;
    // A message that has an identifier of its own is but a reference to it.
    const own = String(rest["$ref"] ?? "").replace("#/$defs/", "");
    const message = parts[own] ?? rest;
    const others = Object.entries(parts).filter(([part]) => part !== own);
    return [[name, isRead ? open(message) : message] as const, ...others];
  });
  const document = {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: `The client protocol of FedStratus, release ${CLIENT_RELEASE}`,
    $defs: Object.fromEntries(definitions),
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

/** Later releases add keys to what a client reads, so that it must not refuse those that it does not know. */
function open(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(open);
  if (typeof schema !== "object" || schema === null) return schema;
  const entries = Object.entries(schema).filter(
    ([key, value]) => !(key === "additionalProperties" && value === false),
  );
  return Object.fromEntries(entries.map(([key, value]) => [key, open(value)]));
}
