// HTTP as our handlers see it: plain values, so that a handler can be called without a server.

export interface HttpRequest {
  readonly method: string;
  /** Decoded by the router, never before: `/v1/runs/my-run`. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** The parsed JSON body; undefined when there was none. */
  readonly body: unknown;
  /** Bytes of the body as it came. */
  readonly bodyBytes: number;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON; undefined sends none. */
  readonly body?: unknown;
}

export type Handler = (request: HttpRequest) => Promise<HttpResponse>;
