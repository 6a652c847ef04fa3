// Which token of a request counts: the attacks with two headers, two tokens and other words.
import { generateKeyPairSync } from "node:crypto";
import { createServer, type Server } from "node:http";
import { exportJWK, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { close, listen } from "../../../infra/box/metadata/listen.ts";
import { authenticator } from "../../../shared/http/callers.ts";
import { request } from "../../unit/http/requests.ts";

const AUDIENCE = "https://api.example.run.app";
const key = generateKeyPairSync("rsa", { modulusLength: 2048 });
let server: Server;
let certsUrl = "";

beforeAll(async () => {
  const keys = [{ ...(await exportJWK(key.publicKey)), kid: "key", use: "sig" }];
  server = createServer((_request, response) => response.end(JSON.stringify({ keys })));
  certsUrl = `http://${await listen(server)}/certs`;
});
afterAll(() => close(server));

async function token(email: string, audience = AUDIENCE): Promise<string> {
  return await new SignJWT({ email, email_verified: true })
    .setProtectedHeader({ alg: "RS256", kid: "key" })
    .setIssuer("https://accounts.google.com")
    .setAudience(audience)
    .setSubject("101")
    .setIssuedAt()
    .setExpirationTime("1h")
    .sign(key.privateKey);
}
const stripped = (jwt: string) => jwt.replace(/[^.]*$/, "SIGNATURE_REMOVED_BY_GOOGLE");

/** The caller's address, or the code of the refusal. */
async function caller(headers: Record<string, string>, checkedByRegion = true): Promise<string> {
  const authenticate = authenticator({
    audience: AUDIENCE,
    allowed: ["ada@example.org"],
    certsUrl,
    checkedByRegion,
  });
  return await authenticate(request({ headers })).then(
    ({ email }) => email,
    (error: { code: string }) => error.code,
  );
}

describe("authenticator", () => {
  it.each(["authorization", "x-serverless-authorization"])("takes one good token from %s", async (name) => {
    const good = await token("ada@example.org");
    expect(await caller({ [name]: `Bearer ${good}` })).toBe("ada@example.org");
    expect(await caller({ [name]: `bearer  ${good}` })).toBe("ada@example.org");
    expect(await caller({ [name]: `Bearer ${stripped(good)}` })).toBe("ada@example.org");
    expect(await caller({ [name]: `Bearer ${good}` }, false)).toBe("ada@example.org");
    expect(await caller({ [name]: `Bearer ${stripped(good)}` }, false)).toBe("unauthenticated");
  });

  it("does not let a forged Authorization pass beside the token that the region has looked at", async () => {
    const mallory = `Bearer ${stripped(await token("mallory@example.org"))}`;
    const forged = `Bearer ${stripped(await token("ada@example.org"))}`;
    const both = { "x-serverless-authorization": mallory, authorization: forged };
    expect(await caller(both)).toBe("permission-denied");
  });

  it("takes X-Serverless-Authorization alone where both come, whatever stands in it", async () => {
    const good = `Bearer ${await token("ada@example.org")}`;
    const other = `Bearer ${await token("ada@example.org", "https://other.example")}`;
    const name = "x-serverless-authorization";
    expect(await caller({ [name]: good, authorization: "Bearer garbage" })).toBe("ada@example.org");
    expect(await caller({ [name]: good, authorization: "Basic YTpi" })).toBe("ada@example.org");
    for (const bad of ["", "Bearer", "Bearer garbage", "Basic YTpi", other])
      expect(await caller({ [name]: bad, authorization: good })).toBe("unauthenticated");
  });

  it.each(["authorization", "x-serverless-authorization"])(
    "takes neither of two tokens in %s",
    async (name) => {
      const good = `Bearer ${await token("ada@example.org")}`;
      const forged = `Bearer ${stripped(await token("ada@example.org"))}`;
      for (const two of [`${good}, ${forged}`, `${forged}, ${good}`, `${good},${good}`, `${good} ${good}`])
        expect(await caller({ [name]: two })).toBe("unauthenticated");
    },
  );

  it("refuses a request without a token, and one for somebody else", async () => {
    expect(await caller({})).toBe("unauthenticated");
    const other = await token("ada@example.org", "https://other.example");
    expect(await caller({ authorization: `Bearer ${other}` })).toBe("unauthenticated");
    expect(await caller({ authorization: `Bearer ${stripped(other)}` })).toBe("unauthenticated");
  });
});
