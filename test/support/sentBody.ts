// The body of a request as a handler gets to read it.
import { FlError } from "../../shared/core/errors.ts";
import type { HttpRequest } from "../../shared/http/message.ts";

/** Undefined is none, bytes are sent as they are, everything else as JSON. */
export function sentBody(value: unknown): HttpRequest["readBody"] {
  const bytes = value instanceof Uint8Array ? value : new TextEncoder().encode(JSON.stringify(value));
  return async (maxBytes) => {
    if (bytes.byteLength > maxBytes) throw new FlError("too-large", `At most ${maxBytes} bytes.`);
    return bytes;
  };
}
