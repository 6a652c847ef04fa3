// Verifying callers: what is let in, and every way of being refused.

import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { createServer, type Server } from "node:http";
import fc from "fast-check";
import { exportJWK, exportSPKI, type JWTPayload, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { close, listen } from "../../infra/box/metadata/listen.ts";
import { verifyIdToken } from "../../shared/cloud/auth/verifyIdToken.ts";
import { FlError } from "../../shared/core/errors.ts";

const AUDIENCE = "https://coordinator.example.run.app";
const EMAIL = "client-a@demo.iam.gserviceaccount.com";
const KEY_ID = "key-1";

const ours = generateKeyPairSync("rsa", { modulusLength: 2048 });
const foreign = generateKeyPairSync("rsa", { modulusLength: 2048 });
let server: Server;
let certsUrl: string;
let answer: { status: number; body: string };
let fetches = 0;

beforeAll(async () => {
  const second = generateKeyPairSync("rsa", { modulusLength: 2048 });
  // Without an algorithm of their own, so that it is the verifier who insists on one.
  const keys = await Promise.all(
    [ours, second].map(async ({ publicKey }, index) => ({
      ...(await exportJWK(publicKey)),
      kid: `key-${index + 1}`,
      use: "sig",
    })),
  );
  answer = { status: 200, body: JSON.stringify({ keys }) };
  server = createServer((_request, response) => {
    fetches += 1;
    response.writeHead(answer.status, { "content-type": "application/json" }).end(answer.body);
  });
  certsUrl = `http://${await listen(server)}/oauth2/v3/certs`;
});
afterAll(() => close(server));

const nowSeconds = () => Math.floor(Date.now() / 1000);

/** A good token, but for what a test changes; undefined takes a claim away. */
async function token(
  changes: Record<string, unknown> = {},
  header: { alg?: string; kid?: string } = {},
  key: KeyObject | Uint8Array = ours.privateKey,
): Promise<string> {
  const claims: Record<string, unknown> = {
    iss: "https://accounts.google.com",
    aud: AUDIENCE,
    sub: "101",
    email: EMAIL,
    email_verified: true,
    iat: nowSeconds(),
    exp: nowSeconds() + 3600,
    ...changes,
  };
  const kept: JWTPayload = Object.fromEntries(
    Object.entries(claims).filter(([, value]) => value !== undefined),
  );
  return await new SignJWT(kept).setProtectedHeader({ alg: "RS256", kid: KEY_ID, ...header }).sign(key);
}

const verify = (candidate: string | undefined, options: Partial<Parameters<typeof verifyIdToken>[1]> = {}) =>
  verifyIdToken(candidate, { audience: AUDIENCE, certsUrl, allowed: [EMAIL], ...options });

const refusal = async (candidate: string | undefined, options = {}): Promise<FlError> => {
  const error: unknown = await verify(candidate, options).then(
    () => new Error("It was let in."),
    (refused: unknown) => refused,
  );
  if (!(error instanceof FlError)) throw error;
  return error;
};

describe("lets in", () => {
  it("a token of an allowed caller", async () => {
    expect(await verify(await token())).toEqual({ email: EMAIL, subject: "101" });
  });
  it("both spellings of Google's issuer", async () => {
    expect(await verify(await token({ iss: "accounts.google.com" }))).toMatchObject({ email: EMAIL });
  });
  it("a token for one of several audiences, by either side's list", async () => {
    const both = { audience: ["https://other", AUDIENCE] };
    expect(await verify(await token(), both)).toMatchObject({ email: EMAIL });
    expect(await verify(await token({ aud: ["https://third", AUDIENCE] }))).toMatchObject({ email: EMAIL });
  });
  it("an address whose case differs from the allowed one, returned in lower case", async () => {
    const caller = await verify(await token({ email: EMAIL.toUpperCase() }), {
      allowed: [`C${EMAIL.slice(1)}`],
    });
    expect(caller.email).toBe(EMAIL);
  });
  it("any account that Google signs for, where the caller decides later", async () => {
    const caller = await verify(await token({ email: "someone@example.org" }), { allowed: "any-verified" });
    expect(caller.email).toBe("someone@example.org");
  });
  it("clocks half a minute apart", async () => {
    expect(await verify(await token({ exp: nowSeconds() - 25 }))).toMatchObject({ email: EMAIL });
    expect(await verify(await token({ nbf: nowSeconds() + 25 }))).toMatchObject({ email: EMAIL });
    expect(await verify(await token({ iat: nowSeconds() + 25 }))).toMatchObject({ email: EMAIL });
  });
});

describe("refuses as unauthenticated", () => {
  it.each<[string, () => Promise<string | undefined>]>([
    ["no token", async () => undefined],
    ["an empty token", async () => ""],
    ["garbage", async () => "garbage"],
    ["three dots", async () => "..."],
    ["text beyond ASCII", async () => "é.ü.ß"],
    ["a token cut short", async () => (await token()).slice(0, -10)],
    ["a token with a changed claim", async () => withClaim(await token(), "email", "root@example.org")],
    ["another audience", () => token({ aud: "https://evil.example" })],
    ["an audience that only begins like ours", () => token({ aud: `${AUDIENCE}/` })],
    ["no audience", () => token({ aud: undefined })],
    ["another issuer", () => token({ iss: "https://evil.example" })],
    ["no issuer", () => token({ iss: undefined })],
    ["a foreign key under our key's name", () => token({}, {}, foreign.privateKey)],
    ["a key that is not known", () => token({}, { kid: "key-9" })],
    ["no key name where there are several keys", () => tokenWithoutKeyId()],
    ["algorithm none", async () => unsigned(await token())],
    ["HS256 with the public key as its secret", async () => hs256(await exportSPKI(ours.publicKey))],
    ["HS256 with the key set's text as its secret", async () => hs256(answer.body)],
    ["another RSA algorithm", () => token({}, { alg: "RS512" })],
    ["PSS", () => token({}, { alg: "PS256" })],
    ["a token that has expired", () => token({ iat: nowSeconds() - 3700, exp: nowSeconds() - 40 })],
    ["no expiry", () => token({ exp: undefined })],
    ["an expiry that is not a number", () => token({ exp: "tomorrow" })],
    ["a token that is not valid yet", () => token({ nbf: nowSeconds() + 60 })],
    ["a token from the future", () => token({ iat: nowSeconds() + 60 })],
    ["no time of issue", () => token({ iat: undefined })],
    [
      "a token that says it lives for years",
      () => token({ iat: nowSeconds() - 90_000, exp: nowSeconds() + 1e8 }),
    ],
    ["no e-mail", () => token({ email: undefined })],
    ["an empty e-mail", () => token({ email: "" })],
    ["an e-mail that is not text", () => token({ email: [EMAIL] })],
    ["an unverified e-mail", () => token({ email_verified: false })],
    ["an e-mail verified only in words", () => token({ email_verified: "true" })],
    ["no subject", () => token({ sub: undefined })],
  ])("%s", async (_what, make) => {
    const candidate = await make();
    const error = await refusal(candidate);
    expect(error).toMatchObject({ code: "unauthenticated", retry: "never" });
    expect(error.message).not.toContain(EMAIL);
    expect(error.message).not.toContain("root@");
    if (candidate !== undefined && candidate.length > 10) expect(error.message).not.toContain(candidate);
  });

  it("distinguishes the errors that a caller can fix", async () => {
    expect((await refusal(await token({ exp: nowSeconds() - 40 }))).message).toContain("expired");
    expect((await refusal(await token({ aud: "https://evil" }))).message).toContain("audience");
    expect((await refusal(undefined)).message).toContain("no ID token");
  });

  it("whatever text comes", async () => {
    const part = fc.oneof(
      fc.base64String(),
      fc.string(),
      fc.json().map((json) => Buffer.from(json).toString("base64url")),
    );
    const texts = fc.oneof(
      fc.string(),
      fc.array(part, { maxLength: 6 }).map((parts) => parts.join(".")),
    );
    await fc.assert(
      fc.asyncProperty(texts, async (text) => {
        expect((await refusal(text)).code).toBe("unauthenticated");
      }),
    );
  });
});

describe("a token whose signature the region removed", () => {
  const checked = { checkedByRegion: true, certsUrl: "http://127.0.0.1:1/certs" };
  const stripped = async (changes: Record<string, unknown> = {}, header: { alg?: string } = {}) =>
    withoutSignature(
      await token(changes, header, header.alg?.startsWith("HS") ? Buffer.from(KEY_ID.repeat(9)) : undefined),
    );

  it("is believed where the deployment says that the region checks callers, and no key is asked for", async () => {
    expect(await verify(await stripped(), checked)).toEqual({ email: EMAIL, subject: "101" });
  });

  it("is refused everywhere else, with the reason", async () => {
    const error = await refusal(await stripped());
    expect(error).toMatchObject({ code: "unauthenticated", retry: "never" });
    expect(error.message).toContain("without its signature");
  });

  it.each<[string, () => Promise<string>]>([
    ["another audience", () => stripped({ aud: "https://evil.example" })],
    ["no audience", () => stripped({ aud: undefined })],
    ["another issuer", () => stripped({ iss: "https://evil.example" })],
    ["no issuer", () => stripped({ iss: undefined })],
    ["an hour that has passed", () => stripped({ iat: nowSeconds() - 3700, exp: nowSeconds() - 40 })],
    ["no expiry", () => stripped({ exp: undefined })],
    ["a start that has not come", () => stripped({ nbf: nowSeconds() + 60 })],
    ["a time of issue in the future", () => stripped({ iat: nowSeconds() + 60 })],
    ["no time of issue", () => stripped({ iat: undefined })],
    ["years to live", () => stripped({ iat: nowSeconds() - 90_000, exp: nowSeconds() + 1e8 })],
    ["an unverified e-mail", () => stripped({ email_verified: false })],
    ["no e-mail", () => stripped({ email: undefined })],
    ["no subject", () => stripped({ sub: undefined })],
    ["another algorithm", () => stripped({}, { alg: "HS256" })],
    ["algorithm none", async () => withoutSignature(unsigned(await token()))],
    ["a part too many", async () => `${await token()}.SIGNATURE_REMOVED_BY_GOOGLE`],
    ["a part too few", async () => `${(await token()).split(".")[0]}.SIGNATURE_REMOVED_BY_GOOGLE`],
    ["nothing but the words", async () => "..SIGNATURE_REMOVED_BY_GOOGLE"],
    [
      "claims that are not JSON",
      async () => `${(await token()).split(".")[0]}.e30x.SIGNATURE_REMOVED_BY_GOOGLE`,
    ],
    ["the words in other letters", async () => (await stripped()).toLowerCase()],
    ["an empty signature", async () => (await stripped()).replace(/[^.]*$/, "")],
  ])("is refused with %s, even there", async (_what, make) => {
    const error = await refusal(await make(), { checkedByRegion: true });
    expect(error).toMatchObject({ code: "unauthenticated", retry: "never" });
    expect(error.message).not.toContain(EMAIL);
  });

  it("may not call what its holder may not call", async () => {
    const error = await refusal(await stripped(), { ...checked, allowed: ["other@example.org"] });
    expect(error.code).toBe("permission-denied");
  });

  it("does not weaken those that have one", async () => {
    const forged = await token({}, {}, foreign.privateKey);
    expect((await refusal(forged, { checkedByRegion: true })).code).toBe("unauthenticated");
    expect(await verify(await token(), { checkedByRegion: true })).toMatchObject({ email: EMAIL });
  });
});

describe("refuses as permission-denied", () => {
  it.each([
    ["another caller", ["other@example.org"]],
    ["all accounts, when none is allowed", []],
    ["a longer address", [`x${EMAIL}`]],
  ])("%s", async (_what, allowed) => {
    const error = await refusal(await token(), { allowed });
    expect(error).toMatchObject({ code: "permission-denied", retry: "never" });
    expect(error.message).not.toContain("@");
  });
});

describe("the keys", () => {
  it("are fetched once for many tokens, forged ones included", async () => {
    await verify(await token());
    const before = fetches;
    await Promise.all([1, 2, 3].map(async () => verify(await token())));
    await refusal(await token({}, { kid: "unknown" }));
    expect(fetches).toBe(before);
  });

  it.each([
    ["fail", { status: 500, body: "" }],
    ["are not JSON", { status: 200, body: "<html>" }],
    ["are not keys", { status: 200, body: "{}" }],
  ])("that %s make a verdict impossible for now, not a refusal", async (_what, broken) => {
    const good = answer;
    answer = broken;
    try {
      const error = await refusal(await token(), { certsUrl: `${certsUrl}?${broken.status}${broken.body}` });
      expect(error).toMatchObject({ code: "unavailable", retry: "soon" });
    } finally {
      answer = good;
    }
  });

  it("that cannot be fetched make a verdict impossible for now", async () => {
    const error = await refusal(await token(), { certsUrl: "http://127.0.0.1:1/certs" });
    expect(error).toMatchObject({ code: "unavailable", retry: "soon" });
  });
});

function withClaim(jwt: string, name: string, value: string): string {
  const [head = "", body = "", signature = ""] = jwt.split(".");
  const claims: unknown = JSON.parse(Buffer.from(body, "base64url").toString());
  const changed = { ...(claims as object), [name]: value };
  return [head, Buffer.from(JSON.stringify(changed)).toString("base64url"), signature].join(".");
}

function withoutSignature(jwt: string): string {
  return jwt.replace(/[^.]*$/, "SIGNATURE_REMOVED_BY_GOOGLE");
}

function unsigned(jwt: string): string {
  const head = Buffer.from(JSON.stringify({ alg: "none", kid: KEY_ID })).toString("base64url");
  return `${head}.${jwt.split(".")[1]}.`;
}

function hs256(secret: string): Promise<string> {
  return token({}, { alg: "HS256" }, Buffer.from(secret));
}

async function tokenWithoutKeyId(): Promise<string> {
  return await new SignJWT({ email: EMAIL, email_verified: true })
    .setProtectedHeader({ alg: "RS256" })
    .setIssuer("https://accounts.google.com")
    .setAudience(AUDIENCE)
    .setSubject("101")
    .setIssuedAt()
    .setExpirationTime("1h")
    .sign(ours.privateKey);
}
