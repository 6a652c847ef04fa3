// Who is who in the local cloud: it mints ID tokens and access tokens for service accounts and signs on their
// behalf, with keys made at start (or kept from the start before). ID tokens and blobs have different keys,
// as at Google: a right to have blobs signed is no right to forge a token.
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  type KeyObject,
  randomBytes,
  sign,
  verify as verifySignature,
} from "node:crypto";
import { promisify } from "node:util";
import { calculateJwkThumbprint, exportJWK, type JSONWebKeySet, SignJWT } from "jose";
import { noState, type State } from "../state/state.ts";

export interface IdTokenRequest {
  /** The service account (or the person) the token speaks for. */
  readonly email: string;
  /** Who the token is meant for: the URL of the function to be called. */
  readonly audience: string;
  /** Default 3600, as at Google. A negative number makes a token that has already expired. */
  readonly expiresInSeconds?: number;
  /** Default true. False leaves the e-mail out, as Google does for `format=standard`. */
  readonly withEmail?: boolean;
}

interface AccessToken {
  readonly token: string;
  readonly expiresInSeconds: number;
}

export interface Identities {
  mintIdToken(request: IdTokenRequest): Promise<string>;
  /**
   * The current access token of a service account; a new one when less than five minutes are left of the old
   * one.
   */
  accessToken(email: string): AccessToken;
  /** The service account an access token was minted for, or undefined when it is unknown or has expired. */
  emailOfAccessToken(token: string): string | undefined;
  /** An RSA-SHA256 signature on behalf of a service account. */
  signBlob(payload: Uint8Array): { readonly keyId: string; readonly signature: Buffer };
  /** Whether `signature` was made by `signBlob` over `payload`. */
  verifyBlob(payload: Uint8Array, signature: Uint8Array): boolean;
  /** The public keys that ID tokens verify against. */
  readonly keySet: JSONWebKeySet;
}

const ISSUER = "https://accounts.google.com";
const TOKEN_SECONDS = 3600;
const RENEW_BEFORE_SECONDS = 300;

interface GivenToken {
  readonly email: string;
  readonly expiresAtMs: number;
}

/**
 * @param nowMs the clock; default the real one.
 * @param state keeps the keys and the access tokens, so that whatever was signed or given stays valid;
 *   default none.
 */
export async function createIdentities(
  nowMs: () => number = Date.now,
  state: State = noState,
): Promise<Identities> {
  const [idTokenKey, blobKey] = await Promise.all([
    keptKeyPair(state, "id-token"),
    keptKeyPair(state, "blob"),
  ]);
  const tokenJwk = await exportJWK(idTokenKey.publicKey);
  const tokenKeyId = await calculateJwkThumbprint(tokenJwk);
  const blobKeyId = await calculateJwkThumbprint(await exportJWK(blobKey.publicKey));
  const currentTokens = new Map<string, { token: string; expiresAtMs: number }>();
  const keptTokens = state.table<GivenToken>("access-tokens");
  const emails = new Map(keptTokens.entries());
  for (const [token, { email, expiresAtMs }] of emails) {
    if (expiresAtMs > (currentTokens.get(email)?.expiresAtMs ?? 0))
      currentTokens.set(email, { token, expiresAtMs });
  }

  return {
    keySet: { keys: [{ ...tokenJwk, kid: tokenKeyId, alg: "RS256", use: "sig" }] },

    async mintIdToken({ email, audience, expiresInSeconds = TOKEN_SECONDS, withEmail = true }) {
      const nowSeconds = Math.floor(nowMs() / 1000);
      const subject = subjectOf(email);
      return await new SignJWT({
        azp: subject,
        ...(withEmail ? { email, email_verified: true } : {}),
      })
        .setProtectedHeader({ alg: "RS256", kid: tokenKeyId, typ: "JWT" })
        .setIssuer(ISSUER)
        .setAudience(audience)
        .setSubject(subject)
        .setIssuedAt(Math.min(nowSeconds, nowSeconds + expiresInSeconds))
        .setExpirationTime(nowSeconds + expiresInSeconds)
        .sign(idTokenKey.privateKey);
    },

    accessToken(email) {
      const current = currentTokens.get(email);
      if (current !== undefined && current.expiresAtMs - nowMs() >= RENEW_BEFORE_SECONDS * 1000)
        return {
          token: current.token,
          expiresInSeconds: Math.floor((current.expiresAtMs - nowMs()) / 1000),
        };
      for (const [old, { expiresAtMs }] of emails) {
        if (expiresAtMs > nowMs()) continue;
        emails.delete(old);
        keptTokens.delete(old);
      }
      const token = `ya29.${randomBytes(32).toString("base64url")}`;
      const expiresAtMs = nowMs() + TOKEN_SECONDS * 1000;
      currentTokens.set(email, { token, expiresAtMs });
      emails.set(token, { email, expiresAtMs });
      keptTokens.put(token, { email, expiresAtMs });
      return { token, expiresInSeconds: TOKEN_SECONDS };
    },

    emailOfAccessToken(token) {
      const known = emails.get(token);
      return known !== undefined && known.expiresAtMs > nowMs() ? known.email : undefined;
    },

    signBlob: (payload) => ({
      keyId: blobKeyId,
      signature: sign("RSA-SHA256", payload, blobKey.privateKey),
    }),
    verifyBlob: (payload, signature) => verifySignature("RSA-SHA256", payload, blobKey.publicKey, signature),
  };
}

async function keptKeyPair(
  state: State,
  name: string,
): Promise<{ publicKey: KeyObject; privateKey: KeyObject }> {
  const table = state.table<string>("keys");
  const kept = new Map(table.entries()).get(name);
  if (kept !== undefined) return { privateKey: createPrivateKey(kept), publicKey: createPublicKey(kept) };
  const made = await rsaKeyPair();
  table.put(name, made.privateKey.export({ type: "pkcs8", format: "pem" }).toString());
  return made;
}

async function rsaKeyPair(): Promise<{ publicKey: KeyObject; privateKey: KeyObject }> {
  return await promisify(generateKeyPair)("rsa", { modulusLength: 2048 });
}

/**
 * Google's subjects are numbers of about 21 digits; ours is one too, and always the same for an e-mail
 * address.
 */
function subjectOf(email: string): string {
  const digest = createHash("sha256").update(email).digest();
  return `1${digest.readBigUInt64BE(0).toString().padStart(20, "0")}`;
}
