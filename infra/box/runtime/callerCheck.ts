// Who may call a function that is not public, as the region decides it before a request reaches an instance.
//
// Google documents what the region looks at (X-Serverless-Authorization alone where it comes, else
// Authorization), that a token's audience is the service's address, and that it may put
// SIGNATURE_REMOVED_BY_GOOGLE in the place of the signature:
// https://cloud.google.com/run/docs/authenticating/service-to-service
import type { IncomingMessage } from "node:http";
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from "jose";

export interface CallerRules {
  /** E-mail addresses of those who hold the right to call. */
  readonly invokers: readonly string[];
  /** What ID tokens verify against. */
  readonly keySet: JSONWebKeySet;
  /** Whether a token goes on to the instance without its signature. Production is seen to do both. */
  readonly removesSignatures: boolean;
}

export type CallerVerdict =
  | {
      readonly kind: "allowed";
      /** Headers that the instance gets in the place of the caller's, by name in lower case. */
      readonly replaced: Readonly<Record<string, string>>;
    }
  /** A token that does not verify: 401. */
  | { readonly kind: "unauthenticated" }
  /** No token, or one of an account that may not call: 403. */
  | { readonly kind: "forbidden" };

/** @param audience the function's own address. */
export function callerCheck(
  { invokers, keySet, removesSignatures }: CallerRules,
  audience: string,
): (request: Pick<IncomingMessage, "headersDistinct">) => Promise<CallerVerdict> {
  const keys = createLocalJWKSet(keySet);
  return async ({ headersDistinct: headers }) => {
    const name =
      headers["x-serverless-authorization"] === undefined ? "authorization" : "x-serverless-authorization";
    const given = headers[name];
    if (given === undefined) return { kind: "forbidden" };
    const token = given.length === 1 ? /^Bearer +(\S+)$/i.exec(given[0] ?? "")?.[1] : undefined;
    if (token === undefined) return { kind: "unauthenticated" };
    const email = await emailOf(token);
    if (email === undefined) return { kind: "unauthenticated" };
    if (!invokers.includes(email)) return { kind: "forbidden" };
    const unsigned = `Bearer ${token.slice(0, token.lastIndexOf(".") + 1)}SIGNATURE_REMOVED_BY_GOOGLE`;
    return { kind: "allowed", replaced: removesSignatures ? { [name]: unsigned } : {} };
  };

  async function emailOf(token: string): Promise<string | undefined> {
    try {
      const { payload } = await jwtVerify<{ email?: string }>(token, keys, {
        algorithms: ["RS256"],
        issuer: "https://accounts.google.com",
        audience,
        requiredClaims: ["exp"],
      });
      return payload.email ?? "";
    } catch {
      return undefined;
    }
  }
}
