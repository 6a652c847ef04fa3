// Requests, routes and a log for tests of the HTTP edge.
import type { Logger } from "../../../shared/core/ports/logger.ts";
import type { HttpRequest } from "../../../shared/http/message.ts";
import { sentBody } from "../../support/sentBody.ts";

export const CALLER = "ada@example.org";

export function request({
  body,
  ...overrides
}: Partial<HttpRequest> & { readonly body?: unknown } = {}): HttpRequest {
  return {
    method: "GET",
    path: "/",
    query: {},
    headers: body === undefined ? {} : { "content-type": "application/json" },
    readBody: sentBody(body),
    ...overrides,
  };
}

export interface LogLine {
  readonly level: "info" | "warn" | "error";
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export function recordingLog(): { readonly log: Logger; readonly lines: LogLine[] } {
  const lines: LogLine[] = [];
  const at =
    (level: LogLine["level"]) =>
    (message: string, fields: Readonly<Record<string, unknown>> = {}) => {
      lines.push({ level, message, fields });
    };
  const log: Logger = { info: at("info"), warn: at("warn"), error: at("error"), with: () => log };
  return { log, lines };
}
