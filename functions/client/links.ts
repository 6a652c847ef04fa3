// Signed links: read one object, write one object, each with plain fetch and exactly the headers that came with it.
import { FlError } from "../../shared/core/errors.ts";

export interface Link {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

const TIMEOUT_MS = 300_000;

/** The object behind a link. @throws FlError("unavailable") where trying the invocation again can help. */
export async function download(link: Link, what: string): Promise<Uint8Array> {
  const { response, content } = await send(link, { method: "GET" }, what);
  if (!response.ok) throw refused(response.status, `${what} cannot be read`);
  return content;
}

/** Writes the object behind a link, once. */
export async function upload(link: Link, bytes: Uint8Array<ArrayBuffer>, what: string): Promise<void> {
  const { response } = await send(link, { method: "PUT", body: bytes }, what);
  // The object's name is this attempt's alone: if it is there, an upload of ours whose answer was lost has put it there.
  if (!response.ok && response.status !== 412) throw refused(response.status, `${what} was not taken`);
}

async function send(
  link: Link,
  request: RequestInit,
  what: string,
): Promise<{ readonly response: Response; readonly content: Uint8Array }> {
  try {
    const response = await fetch(link.url, {
      ...request,
      headers: { ...link.headers },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    return { response, content: new Uint8Array(await response.arrayBuffer()) };
  } catch (cause) {
    throw new FlError("unavailable", `The storage did not answer for ${what}, or not to the end.`, { cause });
  }
}

/** A link that has expired, or a storage that is busy: a new attempt gets new links. A body too large stays too large. */
function refused(status: number, what: string): FlError {
  if (status === 400 || status === 413) return new FlError("too-large", `${what} (HTTP ${status}).`);
  return new FlError("unavailable", `${what} (HTTP ${status}).`);
}
