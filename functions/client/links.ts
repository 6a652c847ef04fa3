// Signed links: read one object, write one object, each with exactly the headers that came with it. By Node's
// own client and not by `fetch`, which copies a body several times on its way: large models, and an engine
// that cleans up after each of them.
import { type ClientRequest, request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { PATIENCE_MS, withRetries } from "../../shared/cloud/withRetries.ts";
import { FlError } from "../../shared/core/errors.ts";

export interface Link {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

const TIMEOUT_MS = 300_000;

/** Room for what a storage says of a refusal, however little is expected. */
const MAX_REFUSAL_BYTES = 65_536;

/**
 * The object behind a link. @throws FlError("too-large"), before it is read, for one of more than `maxBytes`;
 * FlError("unavailable") where trying the invocation again can help.
 */
export async function download(
  link: Link,
  what: string,
  maxBytes?: number,
  patienceMs?: number,
): Promise<Uint8Array> {
  return (await downloadUnlessSame(undefined, link, what, maxBytes, patienceMs)).content;
}

/** An object as it was read: two with the same tag have the same bytes. */
export interface TaggedObject {
  readonly content: Uint8Array;
  /** Absent where the storage gives none. */
  readonly etag: string | undefined;
}

/**
 * As `download`; what is `known` itself, and no bytes come, where the object still has its tag. The header
 * that asks for this need not be signed.
 */
export async function downloadUnlessSame(
  known: TaggedObject | undefined,
  { url, headers }: Link,
  what: string,
  maxBytes = Number.POSITIVE_INFINITY,
  patienceMs = PATIENCE_MS,
): Promise<TaggedObject> {
  const condition = known?.etag === undefined ? {} : { "if-none-match": known.etag };
  const asked = { url, headers: { ...headers, ...condition } };
  const { status, content, etag } = await send(asked, undefined, what, patienceMs, maxBytes);
  if (status === 304 && known?.etag !== undefined) return known;
  if (!isSuccess(status)) throw refused(status, content, `${what} cannot be read`);
  return { content, etag };
}

/** Writes the object behind a link, once: the parts one after the other, uncopied. */
export async function upload(
  link: Link,
  parts: readonly Uint8Array[],
  what: string,
  patienceMs = PATIENCE_MS,
): Promise<void> {
  const { status, content } = await send(link, parts, what, patienceMs, MAX_REFUSAL_BYTES);
  // The object's name is this attempt's alone: if it is there, an upload of ours whose answer was lost has
  // put it there.
  if (!isSuccess(status) && status !== 412) throw refused(status, content, `${what} was not taken`);
}

interface Answer extends TaggedObject {
  readonly status: number;
}

type Body = readonly Uint8Array[] | undefined;

/** Writes the body, or reads when there is none. */
function send(link: Link, body: Body, what: string, patienceMs: number, maxBytes: number): Promise<Answer> {
  return withRetries(async () => {
    let answer: Answer;
    try {
      answer = await exchange(link, body, Math.max(maxBytes, MAX_REFUSAL_BYTES));
    } catch (cause) {
      if (cause instanceof TooLong) {
        const message = `${what} is larger than the ${maxBytes} bytes that this client takes.`;
        throw new FlError("too-large", capitalised(message), { cause, reason: "owner-refuses" });
      }
      throw new FlError("unavailable", `The storage did not answer for ${what}, or its answer was cut off.`, {
        cause,
      });
    }
    const { status } = answer;
    if (status === 408 || status === 429 || status >= 500) {
      throw new FlError("unavailable", `The storage is busy: ${what} (HTTP ${status}).`);
    }
    return answer;
  }, patienceMs);
}

/** Redirects are not followed: a signed link is for one place. */
async function exchange(link: Link, body: Body, maxBytes: number): Promise<Answer> {
  const url = new URL(link.url);
  const length = body?.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const outgoing = (url.protocol === "https:" ? httpsRequest : httpRequest)(url, {
    method: body === undefined ? "GET" : "PUT",
    headers: { ...link.headers, ...(length === undefined ? {} : { "content-length": length }) },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  try {
    const answer = await answerOf(outgoing, body);
    const [status, content] = [answer.statusCode ?? 0, await contentOf(answer, maxBytes)];
    // A refusal may come early; a success cannot be one of what was not sent.
    if (isSuccess(status) && !outgoing.writableFinished)
      throw new Error("It answered before it had received the whole body.");
    return { status, content, etag: answer.headers.etag };
  } finally {
    if (!outgoing.writableFinished) outgoing.destroy();
  }
}

function answerOf(outgoing: ClientRequest, body: Body): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    outgoing.on("response", resolve);
    outgoing.on("error", reject); // Once the answer has begun, its own stream reports how it ends.
    outgoing.on("close", () => reject(new Error("The connection was closed without an answer.")));
    for (const part of body ?? []) outgoing.write(part);
    outgoing.end();
  });
}

/** The whole body, in memory of its own: the tensors in it are used where they lie. */
async function contentOf(answer: IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  const declared = answer.headers["content-length"];
  try {
    if (Number(declared) > maxBytes) throw new TooLong();
    if (declared === undefined) return await undeclaredContentOf(answer, maxBytes);
    const content = new Uint8Array(Number(declared));
    let at = 0;
    for await (const chunk of answer as AsyncIterable<Uint8Array>) {
      content.set(chunk, at); // Never more than declared: the client sees to that.
      at += chunk.byteLength;
    }
    if (at !== content.byteLength) throw new Error(`It declared ${declared} bytes and sent ${at}.`);
    return content;
  } finally {
    answer.destroy();
  }
}

async function undeclaredContentOf(answer: IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of answer as AsyncIterable<Uint8Array>) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > maxBytes) throw new TooLong();
    chunks.push(chunk);
  }
  return new Uint8Array(Buffer.concat(chunks));
}

class TooLong extends Error {}

function capitalised(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}

function isSuccess(status: number): boolean {
  return status >= 200 && status < 300;
}

/** A link that has expired: a new attempt gets new links. A body too large stays too large. */
function refused(status: number, answer: Uint8Array, what: string): FlError {
  const isExpired = status === 400 && new TextDecoder().decode(answer).includes("ExpiredToken");
  if (!isExpired && (status === 400 || status === 413)) {
    return new FlError("too-large", `${what} (HTTP ${status}).`, { reason: "storage-refused" });
  }
  return new FlError("unavailable", `${what} (HTTP ${status}).`);
}
