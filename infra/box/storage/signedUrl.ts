// V4 signed URLs (GOOG4-RSA-SHA256): rebuilds from the request what the signer must have signed, and has the
// signature checked.
import { createHash } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import type { Access } from "./access.ts";
import { StorageError } from "./storageError.ts";

/** A request as it came over the wire: path and query still encoded. */
export interface SignedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: IncomingHttpHeaders;
}

const ALGORITHM = "GOOG4-RSA-SHA256";
const MAX_EXPIRES_SECONDS = 7 * 24 * 3600;
const MAX_SKEW_MS = 15 * 60_000;

/**
 * Returns the e-mail address of the signer.
 *
 * Everything that is signed must be as it was: method, path, every query parameter, the host, and every
 * header that the signature names; and no `x-goog-` header may be there that it does not name.
 *
 * @throws StorageError as Google does: `expired` (400), `malformed` (400) when a parameter cannot be
 *   understood or a signed header is missing, `badSignature` (403), `forbidden` (403) when there is no
 *   signature at all.
 */
export function verifySignedUrl(request: SignedRequest, access: Access, nowMs: number): string {
  const query = new URLSearchParams(request.query);
  if (!query.has("X-Goog-Signature"))
    throw new StorageError("forbidden", "Anonymous caller does not have access to this object.");
  if (parameter(query, "X-Goog-Algorithm", /^.+$/) !== ALGORITHM)
    throw malformed("X-Goog-Algorithm", `Only ${ALGORITHM} is known here.`);

  const date = parameter(query, "X-Goog-Date", /^\d{8}T\d{6}Z$/);
  const expiresSeconds = Number(parameter(query, "X-Goog-Expires", /^\d{1,7}$/));
  const signature = parameter(query, "X-Goog-Signature", /^([0-9a-f]{2})+$/i);
  const [, signer, scope] = /^([^/]+)\/(\d{8}\/[^/]+\/storage\/goog4_request)$/.exec(
    parameter(query, "X-Goog-Credential", /^.+$/),
  ) ?? [undefined, undefined, undefined];
  if (signer === undefined || scope?.slice(0, 8) !== date.slice(0, 8))
    throw malformed("X-Goog-Credential", "It must be <signer>/<date>/<location>/storage/goog4_request.");
  if (expiresSeconds < 1 || expiresSeconds > MAX_EXPIRES_SECONDS)
    throw malformed("X-Goog-Expires", "It must be 1 second to 7 days.");
  const signedAtMs = Date.parse(date.replace(/(....)(..)(..)T(..)(..)(..)Z/, "$1-$2-$3T$4:$5:$6Z"));
  if (Number.isNaN(signedAtMs)) throw malformed("X-Goog-Date", "There is no such time.");
  if (nowMs < signedAtMs - MAX_SKEW_MS) throw new StorageError("forbidden", "The request is not valid yet.");
  if (nowMs >= signedAtMs + expiresSeconds * 1000)
    throw new StorageError("expired", "Invalid argument. The signature of this request has expired.");

  if (![undefined, "UNSIGNED-PAYLOAD"].includes(request.headers["x-goog-content-sha256"]?.toString()))
    throw new StorageError("noMethod", "Signed payloads are not known here.");
  const signedHeaders = parameter(query, "X-Goog-SignedHeaders", /^.+$/).split(";");
  const canonicalRequest = [
    request.method,
    request.path,
    canonicalQuery(query),
    canonicalHeaders(request.headers, signedHeaders),
    signedHeaders.join(";"),
    "UNSIGNED-PAYLOAD",
  ].join("\n");
  const hash = createHash("sha256").update(canonicalRequest).digest("hex");
  const signedText = [ALGORITHM, date, scope, hash].join("\n");
  if (!access.isSigned(Buffer.from(signedText), Buffer.from(signature, "hex")))
    throw new StorageError("badSignature", "The request signature does not match the request.");
  return signer;
}

function parameter(query: URLSearchParams, name: string, shape: RegExp): string {
  const value = query.get(name) ?? "";
  if (!shape.test(value)) throw malformed(name, "It is missing or malformed.");
  return value;
}

function malformed(name: string, details: string): StorageError {
  return new StorageError("malformed", `Your request has a malformed ${name}. ${details}`);
}

function canonicalQuery(query: URLSearchParams): string {
  return [...query]
    .filter(([name]) => name !== "X-Goog-Signature")
    .map(([name, value]) => ({ name: encode(name), value: encode(value) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, value }) => `${name}=${value}`)
    .join("&");
}

function canonicalHeaders(headers: IncomingHttpHeaders, signed: readonly string[]): string {
  if (!signed.includes("host")) throw malformed("X-Goog-SignedHeaders", "The host must be signed.");
  const unsigned = Object.keys(headers).find((name) => name.startsWith("x-goog-") && !signed.includes(name));
  if (unsigned !== undefined)
    throw new StorageError("badSignature", `The header ${unsigned} is not part of the signature.`);
  return signed
    .map((name) => {
      const value = [headers[name] ?? []].flat().join(",");
      if (value === "")
        throw malformed(name, "Header was included in signedheaders, but not in the request.");
      // The official client signs the host without its port, which real hosts do not have.
      const meant = name === "host" ? value.replace(/:\d+$/, "") : value;
      return `${name}:${meant.trim().replace(/\s{2,}/g, " ")}\n`;
    })
    .join("");
}

/** RFC 3986 percent-encoding: everything but letters, digits and `-._~`. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
