// The trace that a request belongs to, so that every line logged while it is served is grouped with it.
import { AsyncLocalStorage } from "node:async_hooks";

const traces = new AsyncLocalStorage<string>();

/** Runs `serve` within the trace that the request's headers name; without one when they name none. */
export function withinTrace<T>(headers: Readonly<Record<string, string>>, serve: () => T): T {
  const id = traceId(headers);
  return id === null ? serve() : traces.run(id, serve);
}

/** The id of the trace that is being served; 32 hexadecimal digits. */
export function currentTrace(): string | undefined {
  return traces.getStore();
}

/**
 * Of the W3C header, else of Google's older one. A caller may send anything: only a well-formed id counts.
 */
function traceId(headers: Readonly<Record<string, string>>): string | null {
  const [, w3c] =
    /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/.exec(headers["traceparent"] ?? "") ?? [];
  const [, google] = /^([0-9a-f]{32})(?:\/|;|$)/.exec(headers["x-cloud-trace-context"] ?? "") ?? [];
  const id = w3c ?? google ?? null;
  return id === null || /^0+$/.test(id) ? null : id;
}
