// Google's public endpoints that authentication needs: the keys that ID tokens verify against, and IAM's
// signBlob.
import type { IncomingMessage, ServerResponse } from "node:http";
import { json as readJson } from "node:stream/consumers";
import type { Identities } from "./identities.ts";

export const CERTS_PATH = "/oauth2/v3/certs";
export const SIGN_BLOB_PATH = "/v1/projects/-/serviceAccounts/";

/** Handles one request to either endpoint. */
export async function handleGoogleApi(
  request: IncomingMessage,
  response: ServerResponse,
  identities: Identities,
): Promise<void> {
  const { pathname } = new URL(request.url ?? "/", "http://google");
  if (request.method === "GET" && pathname === CERTS_PATH)
    return answer(response, 200, identities.keySet, {
      "cache-control": "public, max-age=300",
    });
  const signer = signerIn(pathname);
  if (request.method === "POST" && signer !== undefined)
    return await signBlob(request, response, signer, identities);
  refuse(response, 404, "NOT_FOUND", "There is no such method here.");
}

async function signBlob(
  request: IncomingMessage,
  response: ServerResponse,
  signer: string,
  identities: Identities,
): Promise<void> {
  const token = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? "")?.[1];
  const caller = token === undefined ? undefined : identities.emailOfAccessToken(token);
  if (caller === undefined)
    return refuse(response, 401, "UNAUTHENTICATED", "The request has no valid access token.");
  if (caller !== signer)
    return refuse(
      response,
      403,
      "PERMISSION_DENIED",
      "Permission 'iam.serviceAccounts.signBlob' denied on this service account.",
    );
  const payload = payloadOf(await readJson(request).catch(() => undefined));
  if (payload === undefined)
    return refuse(response, 400, "INVALID_ARGUMENT", 'The body must be {"payload": "<base64>"}.');
  const { keyId, signature } = identities.signBlob(payload);
  answer(response, 200, { keyId, signedBlob: signature.toString("base64") });
}

function signerIn(pathname: string): string | undefined {
  const method = ":signBlob";
  if (!pathname.startsWith(SIGN_BLOB_PATH) || !pathname.endsWith(method)) return undefined;
  return pathname.slice(SIGN_BLOB_PATH.length, -method.length).replace("%40", "@");
}

function payloadOf(body: unknown): Buffer | undefined {
  if (typeof body !== "object" || body === null || !("payload" in body)) return undefined;
  return typeof body.payload === "string" && body.payload !== ""
    ? Buffer.from(body.payload, "base64")
    : undefined;
}

function refuse(response: ServerResponse, code: number, status: string, message: string): void {
  answer(response, code, { error: { code, message, status } });
}

function answer(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { "content-type": "application/json; charset=UTF-8", ...headers });
  response.end(JSON.stringify(body));
}
