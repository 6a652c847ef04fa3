// Who is calling: verifies a Google-signed ID token (or one of the local cloud's, by the same code against
// its keys).
import type { JWTClaimVerificationOptions, JWTPayload, JWTVerifyGetKey } from "jose";
import { FlError } from "../../core/errors.ts";

/** A caller whose token was verified. */
export interface Principal {
  /** In lower case. */
  readonly email: string;
  /** Google's permanent id of the account. */
  readonly subject: string;
}

export interface VerifyIdTokenOptions {
  /** Who we are: the token must be meant for us. With a list, for any of its entries. */
  readonly audience: string | readonly string[];
  /** Where the issuer's public keys are (a JWKS); default Google's. */
  readonly certsUrl?: string;
  /**
   * The e-mail addresses that may call, or "any-verified" where the caller's rights are decided afterwards by
   * who it is. Upper and lower case are the same.
   */
  readonly allowed: readonly string[] | "any-verified";
  /**
   * Whether the region verifies every caller's token before it hands a request on, so that a token whose
   * signature it removed is believed. Never true for a function that anybody may call: there it would let
   * every caller in.
   */
  readonly checkedByRegion?: boolean;
}

const GOOGLE_CERTS_URL = "https://www.googleapis.com/oauth2/v3/certs";
const ISSUERS = ["https://accounts.google.com", "accounts.google.com"];
/** How far two clocks may be apart. */
const CLOCK_TOLERANCE_SECONDS = 30;
/** Google's tokens live an hour; whatever its expiry says, none is believed for longer than a day. */
const MAX_AGE = "24 hours";
/**
 * What Google's front end puts in the place of a signature that it has verified, so that a function cannot
 * replay the token.
 */
const REMOVED_SIGNATURE = "SIGNATURE_REMOVED_BY_GOOGLE";

const keySets = new Map<string, JWTVerifyGetKey>();

/**
 * Returns the caller that an ID token proves.
 *
 * Only RS256 signatures count; the issuer must be Google's, the audience ours, the token issued in the past
 * and not expired, and its e-mail address verified. Keys are cached by URL and fetched again when a token
 * names one that is not known (at most every 30 s). A token whose signature the region removed after it had
 * verified it has only its claims to show: they are held to the same rules, and count only where the
 * deployment says that the region checks callers. The messages say which kind of fault it is and quote
 * nothing of the token.
 *
 * @param token the compact JWT, without `Bearer `; undefined when the request had none.
 * @throws FlError("unauthenticated") when the token is missing, malformed, forged, expired or not for us;
 *   FlError("permission-denied") when it is good and its holder is not allowed;
 *   FlError("unavailable") when the keys cannot be fetched.
 */
export async function verifyIdToken(
  token: string | undefined,
  { audience, certsUrl = GOOGLE_CERTS_URL, allowed, checkedByRegion = false }: VerifyIdTokenOptions,
): Promise<Principal> {
  if (token === undefined || token === "")
    throw new FlError(
      "unauthenticated",
      "The request has no ID token: send it as `Authorization: Bearer <token>`.",
    );
  const claims = await verifiedClaims(token, certsUrl, [audience].flat(), checkedByRegion);
  const { email, email_verified: emailVerified, sub } = claims;
  if (typeof email !== "string" || email === "" || emailVerified !== true || sub === undefined)
    throw new FlError("unauthenticated", "The ID token has no verified e-mail address: ask for format=full.");
  const principal = { email: email.toLowerCase(), subject: sub };
  if (allowed !== "any-verified" && !allowed.some((one) => one.toLowerCase() === principal.email))
    throw new FlError("permission-denied", "The caller is known, but may not call this function.");
  return principal;
}

async function verifiedClaims(
  token: string,
  certsUrl: string,
  audience: string[],
  checkedByRegion: boolean,
): Promise<JWTPayload> {
  const { errors, jwtVerify } = await import("jose");
  const rules = {
    issuer: ISSUERS,
    audience,
    requiredClaims: ["sub", "iat", "exp"],
    maxTokenAge: MAX_AGE,
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
  };
  try {
    if (token.endsWith(`.${REMOVED_SIGNATURE}`)) {
      if (!checkedByRegion)
        throw new FlError(
          "unauthenticated",
          "The ID token comes without its signature, and this deployment does not say that the region checks callers.",
        );
      return await claimsWithoutSignature(token, rules);
    }
    const { payload } = await jwtVerify(token, await keysAt(certsUrl), { ...rules, algorithms: ["RS256"] });
    return payload;
  } catch (cause) {
    if (cause instanceof FlError) throw cause;
    let fault = "is malformed, or its signature does not verify";
    if (cause instanceof errors.JWTExpired) fault = "has expired: fetch a new one";
    else if (cause instanceof errors.JWTClaimValidationFailed)
      fault =
        cause.claim === "aud" ? "is meant for another audience" : "was not issued by Google for use now";
    throw new FlError("unauthenticated", `The ID token ${fault}.`, { cause });
  }
}

/**
 * The claims of a token whose signature was removed, held to the rules that they would be held to beside one.
 */
async function claimsWithoutSignature(
  token: string,
  rules: JWTClaimVerificationOptions,
): Promise<JWTPayload> {
  const { decodeProtectedHeader, errors, UnsecuredJWT } = await import("jose");
  const { alg } = decodeProtectedHeader(token);
  const [, claims, ...rest] = token.split(".");
  if (alg !== "RS256" || rest.length !== 1)
    throw new errors.JWTInvalid("The token was not signed by Google.");
  const unsecured = Buffer.from(JSON.stringify({ alg: "none" })).toString("base64url");
  return UnsecuredJWT.decode(`${unsecured}.${claims}.`, rules).payload;
}

/** The keys at a URL, where a failure to fetch them differs from a token that names none of them. */
async function keysAt(certsUrl: string): Promise<JWTVerifyGetKey> {
  const known = keySets.get(certsUrl);
  if (known !== undefined) return known;
  const { createRemoteJWKSet, errors } = await import("jose");
  const remote = createRemoteJWKSet(new URL(certsUrl));
  const keys: JWTVerifyGetKey = async (header, jws) => {
    try {
      return await remote(header, jws);
    } catch (cause) {
      const tokensFault =
        cause instanceof errors.JWKSNoMatchingKey ||
        cause instanceof errors.JWKSMultipleMatchingKeys ||
        cause instanceof errors.JOSENotSupported;
      if (tokensFault) throw cause;
      throw new FlError("unavailable", "The keys that verify ID tokens could not be fetched.", { cause });
    }
  };
  keySets.set(certsUrl, keys);
  return keys;
}
