// Tokens of the service account this process runs as, from the metadata server by plain fetch: no Google
// library, so that the client function needs none.
import { FlError } from "../../core/errors.ts";

export interface IdTokenSource {
  /**
   * An ID token that proves to `audience` (the URL of the function to call) who we are. Cached until five
   * minutes before it expires.
   *
   * @throws FlError("unavailable") when the metadata server does not answer or fails, also on a second and
   *   a third try; FlError("unauthenticated") when it refuses: this process has no identity.
   */
  fetchIdToken(audience: string): Promise<string>;
  /** An access token for Google's APIs, cached alike; throws alike. */
  accessToken(): Promise<string>;
}

export interface IdTokenSourceOptions {
  /** `host` or `host:port`; default GCE_METADATA_HOST, else Google's fixed address. */
  readonly metadataHost?: string;
  readonly fetch?: typeof fetch;
  readonly nowMs?: () => number;
  /** Waits between two tries; default a timer. */
  readonly sleep?: (ms: number) => Promise<void>;
}

interface Token {
  readonly value: string;
  readonly expiresAtMs: number;
}

const GOOGLE_METADATA_HOST = "169.254.169.254";
const RENEW_BEFORE_MS = 5 * 60_000;
const TIMEOUT_MS = 5_000;
/** The metadata server of a fresh instance can be a moment late. */
const RETRY_AFTER_MS = [100, 400];

export function idTokenSource(options: IdTokenSourceOptions = {}): IdTokenSource {
  const host = options.metadataHost ?? process.env["GCE_METADATA_HOST"] ?? GOOGLE_METADATA_HOST;
  const nowMs = options.nowMs ?? Date.now;
  const account = `http://${host}/computeMetadata/v1/instance/service-accounts/default`;
  const ask = (path: string) => askWithRetries(`${account}/${path}`, options);
  const cached = cacheOf(nowMs);

  return {
    fetchIdToken: (audience) =>
      cached(`id ${audience}`, async () => {
        const value = await ask(`identity?format=full&audience=${encodeURIComponent(audience)}`);
        return { value, expiresAtMs: expiryOfJwt(value) };
      }),
    accessToken: () => cached("access", async () => accessTokenOf(await ask("token"), nowMs())),
  };
}

/** Keeps each token until five minutes before it expires; callers at the same time share one request. */
function cacheOf(nowMs: () => number) {
  const tokens = new Map<string, Token>();
  const pending = new Map<string, Promise<Token>>();
  return async (key: string, fetchToken: () => Promise<Token>): Promise<string> => {
    const held = tokens.get(key);
    if (held !== undefined && nowMs() < held.expiresAtMs - RENEW_BEFORE_MS) return held.value;
    let request = pending.get(key);
    if (request === undefined) {
      request = fetchToken().finally(() => pending.delete(key));
      pending.set(key, request);
    }
    const token = await request;
    tokens.set(key, token);
    return token.value;
  };
}

async function askWithRetries(url: string, options: IdTokenSourceOptions): Promise<string> {
  const sleep = options.sleep ?? ((ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms)));
  for (const waitMs of RETRY_AFTER_MS) {
    try {
      return await ask(url, options.fetch ?? fetch);
    } catch (error) {
      if (!(error instanceof FlError) || error.code !== "unavailable") throw error;
      await sleep(waitMs);
    }
  }
  return await ask(url, options.fetch ?? fetch);
}

async function ask(url: string, fetchUrl: typeof fetch): Promise<string> {
  let response: Response;
  let body: string;
  try {
    response = await fetchUrl(url, {
      headers: { "metadata-flavor": "Google" },
      redirect: "error",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    body = await response.text();
  } catch (cause) {
    throw new FlError("unavailable", "The metadata server did not answer: no token for this process.", {
      cause,
    });
  }
  if (response.ok) return body.trim();
  const passing = response.status === 429 || response.status >= 500;
  throw new FlError(
    passing ? "unavailable" : "unauthenticated",
    `The metadata server gave no token (HTTP ${response.status}): check the service account of this function.`,
    passing ? {} : { retry: "needs-a-person" },
  );
}

/** When the token expires, from its own claims; unread by anybody who decides, so not verified here. */
function expiryOfJwt(token: string): number {
  const claims = parseObject(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8"));
  if (typeof claims["exp"] !== "number") throw unreadable();
  return claims["exp"] * 1000;
}

function accessTokenOf(body: string, nowMs: number): Token {
  const answer = parseObject(body);
  const { access_token: value, expires_in: seconds } = answer;
  if (typeof value !== "string" || typeof seconds !== "number") throw unreadable();
  return { value, expiresAtMs: nowMs + seconds * 1000 };
}

function parseObject(json: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value === "object" && value !== null) return { ...value };
  } catch (cause) {
    throw unreadable(cause);
  }
  throw unreadable();
}

function unreadable(cause?: unknown): FlError {
  return new FlError("unavailable", "The metadata server answered without a valid token.", {
    cause,
  });
}
