// Who calls: the bearer token of a request, verified for this function.
import type { Principal } from "../cloud/auth/verifyIdToken.ts";
import { verifyIdToken } from "../cloud/auth/verifyIdToken.ts";
import type { Authenticate } from "./endpoints.ts";
import type { HttpRequest } from "./message.ts";

interface CallerRules {
  /** This function's own address. */
  readonly audience: string;
  /** E-mail addresses, or `any-verified` where a handler decides by what the call is about. */
  readonly allowed: readonly string[] | "any-verified";
  /** The local cloud's keys; Google's when absent. */
  readonly certsUrl?: string | undefined;
}

export function authenticator({ audience, allowed, certsUrl }: CallerRules): Authenticate<Principal> {
  return (request) =>
    verifyIdToken(bearerToken(request), {
      audience,
      allowed,
      ...(certsUrl === undefined ? {} : { certsUrl }),
    });
}

function bearerToken(request: HttpRequest): string | undefined {
  return /^Bearer +([^\s]+)$/i.exec(request.headers["authorization"] ?? "")?.[1];
}
