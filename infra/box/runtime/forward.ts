// Carries one request to an instance and its answer back, streaming both, within a time and a size.
import { request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import { pipeline } from "node:stream";
import { answerHeaders, requestHeaders } from "./headers.ts";

/** Cloud Run's limit on a request, and on an answer of declared length, over HTTP/1. */
export const maxBodyBytes = 32 * 1024 * 1024;

/**
 * How it went. `answered` and `withheld`: the instance answered to the end; withheld, the caller saw nothing
 * of it. For the others the caller has an answer only as far as `response.headersSent` says.
 */
export type Forwarded =
  | "answered"
  | "withheld"
  | "too-large"
  | "answer-too-large"
  | "timed-out"
  | "instance-lost"
  | "caller-gone";

export interface ForwardOptions {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly socketPath: string;
  /** The whole body, when it has been read already; else it is streamed. */
  readonly body: Buffer | undefined;
  /** Headers in the place of the caller's, by name in lower case. */
  readonly replaced?: Readonly<Record<string, string>> | undefined;
  readonly timeoutMs: number;
  /** Reads the answer and keeps it. */
  readonly withhold: boolean;
}

/** Never rejects. A new connection every time: an instance may end between two requests. */
export function forward(options: ForwardOptions): Promise<Forwarded> {
  const { request, response, socketPath, body, timeoutMs, withhold } = options;
  return new Promise((resolve) => {
    const upstream = httpRequest({
      socketPath,
      agent: false,
      method: request.method,
      path: request.url,
      headers: requestHeaders(request, options.replaced),
    });
    let answering = false;
    const timer = setTimeout(() => finish("timed-out"), timeoutMs);

    function finish(forwarded: Forwarded): void {
      clearTimeout(timer);
      request.off("data", onData).off("end", onEnd).resume(); // What is still coming is dropped.
      response.off("close", onClose);
      upstream.destroy();
      resolve(forwarded); // Only the first call counts.
    }
    const onClose = () => finish("caller-gone");
    let receivedBytes = 0;
    const onData = (chunk: Buffer) => {
      receivedBytes += chunk.length;
      if (receivedBytes > maxBodyBytes) finish("too-large");
      else if (!upstream.write(chunk)) request.pause();
    };
    const onEnd = () => upstream.end();

    response.on("close", onClose);
    upstream.on("drain", () => request.resume());
    // Once the answer has begun, its own stream reports how it ends.
    upstream.on("error", () => {
      if (!answering) finish("instance-lost");
    });
    upstream.on("response", (answer) => {
      answering = true;
      if (withhold) {
        answer.on("error", () => finish("instance-lost")).on("end", () => finish("withheld"));
        answer.resume();
        return;
      }
      if (Number(answer.headers["content-length"] ?? 0) > maxBodyBytes) return finish("answer-too-large");
      response.off("close", onClose);
      response.writeHead(answer.statusCode ?? 500, answer.statusMessage, answerHeaders(answer));
      response.flushHeaders();
      pipeline(answer, response, (error) => {
        if (!error) finish("answered");
        else finish(error.code === "ECONNRESET" ? "instance-lost" : "caller-gone");
      });
    });

    if (body !== undefined) upstream.end(body);
    else request.on("data", onData).on("end", onEnd);
  });
}
