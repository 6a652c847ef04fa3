// HTTP as our handlers see it: plain values, so that a handler can be called without a server.

export interface HttpRequest {
  readonly method: string;
  /** Decoded by the router, never before: `/v1/runs/my-run`. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /**
   * Reads the body, once; none is empty. @throws FlError where it is encoded, cut off, or has more bytes than
   * that.
   */
  readonly readBody: (maxBytes: number) => Promise<Uint8Array>;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON; undefined sends none. */
  readonly body?: unknown;
  /** A body whose JSON is written already, in UTF-8: sent in the place of `body`, as it is. */
  readonly json?: Uint8Array;
}

export type Handler = (request: HttpRequest) => Promise<HttpResponse>;
