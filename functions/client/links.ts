// Signed links: read one object, write one object, each with plain fetch and exactly the headers that came with it.

import { PATIENCE_MS, patiently } from "../../shared/cloud/patiently.ts";
import { FlError } from "../../shared/core/errors.ts";

export interface Link {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

const TIMEOUT_MS = 300_000;

/** The object behind a link. @throws FlError("unavailable") where trying the invocation again can help. */
export async function download(link: Link, what: string, patienceMs = PATIENCE_MS): Promise<Uint8Array> {
  const { status, content } = await send(link, { method: "GET" }, what, patienceMs);
  if (!isSuccess(status)) throw refused(status, content, `${what} cannot be read`);
  return content;
}

/** Writes the object behind a link, once. */
export async function upload(
  link: Link,
  bytes: Uint8Array<ArrayBuffer>,
  what: string,
  patienceMs = PATIENCE_MS,
): Promise<void> {
  const { status, content } = await send(link, { method: "PUT", body: bytes }, what, patienceMs);
  // The object's name is this attempt's alone: if it is there, an upload of ours whose answer was lost has put it there.
  if (!isSuccess(status) && status !== 412) throw refused(status, content, `${what} was not taken`);
}

function send(
  link: Link,
  request: RequestInit,
  what: string,
  patienceMs: number,
): Promise<{ readonly status: number; readonly content: Uint8Array }> {
  return patiently(async () => {
    let status: number;
    let content: Uint8Array;
    try {
      const response = await fetch(link.url, {
        ...request,
        headers: { ...link.headers },
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      status = response.status;
      content = new Uint8Array(await response.arrayBuffer());
    } catch (cause) {
      throw new FlError("unavailable", `The storage did not answer for ${what}, or not to the end.`, {
        cause,
      });
    }
    if (status === 408 || status === 429 || status >= 500) {
      throw new FlError("unavailable", `The storage is busy: ${what} (HTTP ${status}).`);
    }
    return { status, content };
  }, patienceMs);
}

function isSuccess(status: number): boolean {
  return status >= 200 && status < 300;
}

/** A link that has expired: a new attempt gets new links. A body too large stays too large. */
function refused(status: number, answer: Uint8Array, what: string): FlError {
  const isExpired = status === 400 && new TextDecoder().decode(answer).includes("ExpiredToken");
  if (!isExpired && (status === 400 || status === 413)) {
    return new FlError("too-large", `${what} (HTTP ${status}).`);
  }
  return new FlError("unavailable", `${what} (HTTP ${status}).`);
}
