// What is sent of an answer: its JSON, compressed where the caller takes that, and nothing where the caller
// has it already.
import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { gzip as gzipWithCallback } from "node:zlib";
import type { HttpRequest, HttpResponse } from "./message.ts";

const gzip = promisify(gzipWithCallback);

/** Shorter ones fit into a packet or two as they are. */
const LEAST_COMPRESSED_BYTES = 1_024;

/** Of columns of numbers, level 6 makes 3 % less than level 3 and takes twice as long. */
const LEVEL = 3;

/** A response as it goes on the wire. */
export interface Representation {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | number>>;
  readonly bytes: Uint8Array | undefined;
}

/**
 * The representation of an answer (RFC 9110, 8 and 13). An answer to GET has a weak entity tag, made of its
 * content; a caller that names it in If-None-Match gets 304 without a body. Unless the answer says otherwise
 * it is the caller's own, and to be asked for again each time.
 */
export async function representation(
  { method, headers: asked }: Pick<HttpRequest, "method" | "headers">,
  { status, headers, body, json }: HttpResponse,
): Promise<Representation> {
  const plain = json ?? (body === undefined ? undefined : Buffer.from(JSON.stringify(body)));
  if (plain === undefined) return { status, headers: { ...headers }, bytes: undefined };
  const isLong = plain.byteLength >= LEAST_COMPRESSED_BYTES;
  const vary = isLong ? { vary: "accept-encoding" } : {};
  const tag = method === "GET" && status === 200 ? tagOf(plain) : null;
  const kept = tag === null ? {} : { etag: tag, "cache-control": "private, no-cache" };
  if (tag !== null && names(asked["if-none-match"], tag)) {
    return { status: 304, headers: { ...kept, ...vary, ...headers }, bytes: undefined };
  }
  const isCompressed = isLong && takesGzip(asked["accept-encoding"]);
  const bytes = isCompressed ? await gzip(plain, { level: LEVEL }) : plain;
  const about = {
    "content-type": "application/json; charset=utf-8",
    "content-length": bytes.byteLength,
    ...(isCompressed ? { "content-encoding": "gzip" } : {}),
  };
  return { status, headers: { ...about, ...kept, ...vary, ...headers }, bytes };
}

/** Weak: the compressed bytes and the plain ones are of one tag. */
function tagOf(content: Uint8Array): string {
  return `W/"${createHash("sha256").update(content).digest("base64url").slice(0, 22)}"`;
}

/** Whether an If-None-Match header names this tag; strong and weak ones are the same here (8.8.3.2). */
function names(header: string | undefined, tag: string): boolean {
  if (header === undefined) return false;
  if (header.trim() === "*") return true;
  return header.split(",").some((one) => one.trim().replace(/^W\//, "") === tag.slice(2));
}

/** Whether an Accept-Encoding header allows gzip: by its name, else by `*`, and not with a weight of 0. */
export function takesGzip(header = ""): boolean {
  const weights = new Map(
    header.split(",").map((one) => {
      const [coding = "", ...parameters] = one.split(";").map((part) => part.trim().toLowerCase());
      const weight = parameters.find((parameter) => parameter.startsWith("q="));
      return [coding, weight === undefined ? 1 : Number(weight.slice(2))] as const;
    }),
  );
  const weight = weights.get("gzip") ?? weights.get("x-gzip") ?? weights.get("*") ?? 0;
  return weight > 0;
}
