// Answers a request in place of its instance.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { RequestOutcome } from "./events.ts";

type Refusal = Exclude<RequestOutcome, "answered" | "response-lost" | "caller-gone">;

/** What Cloud Run answers in each case. */
const answers: Readonly<Record<Refusal, readonly [status: number, text: string]>> = {
  unauthenticated: [401, "Your client does not have permission to the requested URL."],
  forbidden: [403, "Your client does not have permission to get this URL from this server."],
  crashed: [500, "The instance ended before it had answered this request."],
  "timed-out": [504, "upstream request timeout"],
  "too-large": [413, "The request is larger than 32 MiB."],
  "answer-too-large": [500, "The answer is larger than 32 MiB."],
  "no-instance": [429, "Rate exceeded."],
  "not-started": [503, "No instance could be started: see the function's log."],
};

/**
 * How long a caller may go on sending after it was refused: one that is cut while sending never reads its
 * answer.
 */
const lingerMs = 2_000;

/** Sends the answer, then reads and drops what the caller is still sending, and closes the connection. */
export async function refuse(
  request: IncomingMessage,
  response: ServerResponse,
  refusal: Refusal,
): Promise<void> {
  const [status, text] = answers[refusal];
  response.writeHead(status, {
    "content-type": "text/plain; charset=utf-8",
    "content-length": Buffer.byteLength(text),
    connection: "close",
    ...(status === 401 ? { "www-authenticate": 'Bearer error="invalid_token"' } : {}),
  });
  response.write(text);
  if (!request.complete) await drained(request);
  response.end();
}

function drained(request: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, lingerMs);
    function done(): void {
      clearTimeout(timer);
      resolve();
    }
    request.once("end", done).once("close", done).resume();
  });
}
