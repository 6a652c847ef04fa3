// Who calls: the bearer token of a request, verified for this function.
import type { Principal } from "../cloud/auth/verifyIdToken.ts";
import { verifyIdToken } from "../cloud/auth/verifyIdToken.ts";
import { FlError } from "../core/errors.ts";
import type { Authenticate } from "./endpoints.ts";
import type { HttpRequest } from "./message.ts";

interface CallerRules {
  /** This function's own address; with a list, any of them. */
  readonly audience: string | readonly string[];
  /** E-mail addresses, or `any-verified` where a handler decides by what the call is about. */
  readonly allowed: readonly string[] | "any-verified";
  /** The local cloud's keys; Google's when absent. */
  readonly certsUrl?: string | undefined;
  /** Whether the region checks every caller's token before it hands the request on; see `verifyIdToken`. */
  readonly checkedByRegion?: boolean | undefined;
}

export function authenticator({
  audience,
  allowed,
  certsUrl,
  checkedByRegion = false,
}: CallerRules): Authenticate<Principal> {
  return async (request) =>
    verifyIdToken(bearerToken(request), {
      audience,
      allowed,
      checkedByRegion,
      ...(certsUrl === undefined ? {} : { certsUrl }),
    });
}

/**
 * The token that counts. Where `X-Serverless-Authorization` comes, whatever it holds, the region has looked
 * at it alone: `Authorization` beside it is the caller's own word. With two headers of one name it is unclear
 * which the region took.
 *
 * @throws FlError("unauthenticated") for a header that is not one `Bearer` token.
 */
function bearerToken({ headers }: HttpRequest): string | undefined {
  const name =
    headers["x-serverless-authorization"] === undefined ? "Authorization" : "X-Serverless-Authorization";
  const given = headers[name.toLowerCase()];
  if (given === undefined) return undefined;
  const token = /^Bearer +([\w.~+/=-]+) *$/i.exec(given)?.[1];
  if (token === undefined)
    throw new FlError("unauthenticated", `${name} must hold one ID token: \`Bearer <token>\`.`);
  return token;
}
