// The local metadata server as Google's own library and our own source of tokens see it.
import { Storage } from "@google-cloud/storage";
import { decodeJwt, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createIdentities } from "../../infra/box/metadata/identities.ts";
import { type MetadataService, startMetadata } from "../../infra/box/metadata/startMetadata.ts";
import { idTokenSource } from "../../shared/cloud/auth/idTokenSource.ts";
import { verifyIdToken } from "../../shared/cloud/auth/verifyIdToken.ts";

const PROJECT = "demo";
const CLIENT = "client-a@demo.iam.gserviceaccount.com";
const COORDINATOR = "coordinator@demo.iam.gserviceaccount.com";
const AUDIENCE = "https://coordinator.example.run.app";
const ASK = { headers: { "metadata-flavor": "Google" } };

let metadata: MetadataService;

beforeAll(async () => {
  metadata = await startMetadata({ projectId: PROJECT });
});
afterAll(() => metadata.stop());

const accountUrl = async (email: string, path: string) =>
  `http://${await metadata.identityHost(email)}/computeMetadata/v1/instance/service-accounts/${path}`;

describe("to Google's library", () => {
  const before = { ...process.env };
  beforeAll(async () => Object.assign(process.env, await metadata.identityEnv(CLIENT)));
  afterAll(() => {
    process.env = before;
  });

  it("is where this process runs", async () => {
    const auth = new Storage({ projectId: PROJECT }).authClient;
    expect(await auth.getCredentials()).toEqual({
      client_email: CLIENT,
      universe_domain: "googleapis.com",
    });
    const token = await auth.getAccessToken();
    expect(metadata.identities.emailOfAccessToken(token ?? "")).toBe(CLIENT);
  });

  it("gives ID tokens that verify", async () => {
    const auth = new Storage({ projectId: PROJECT }).authClient;
    const client = await auth.getIdTokenClient(AUDIENCE);
    const headers = await client.getRequestHeaders();
    const token = headers.get("authorization")?.replace("Bearer ", "");
    const principal = await verifyIdToken(token, {
      audience: AUDIENCE,
      certsUrl: metadata.certsUrl,
      allowed: [CLIENT],
    });
    expect(principal.email).toBe(CLIENT);
  });

  it("signs by IAM for the process's own account", async () => {
    const auth = new Storage({ projectId: PROJECT }).authClient;
    const signature = await auth.sign("to sign", metadata.signBlobEndpoint);
    expect(metadata.identities.verifyBlob(Buffer.from("to sign"), Buffer.from(signature, "base64"))).toBe(
      true,
    );
    expect(metadata.identities.verifyBlob(Buffer.from("to sigh"), Buffer.from(signature, "base64"))).toBe(
      false,
    );
  });
});

describe("to our own source of tokens", () => {
  it("gives each service account its own tokens", async () => {
    for (const email of [CLIENT, COORDINATOR]) {
      const source = idTokenSource({ metadataHost: await metadata.identityHost(email) });
      const token = await source.fetchIdToken(AUDIENCE);
      expect(decodeJwt(token)).toMatchObject({
        iss: "https://accounts.google.com",
        aud: AUDIENCE,
        email,
        email_verified: true,
      });
      expect(metadata.identities.emailOfAccessToken(await source.accessToken())).toBe(email);
    }
  });

  it("passes an audience with special characters through unchanged", async () => {
    const source = idTokenSource({ metadataHost: await metadata.identityHost(CLIENT) });
    const audience = "https://host/path?a=1&b=ü#c";
    expect(decodeJwt(await source.fetchIdToken(audience)).aud).toBe(audience);
  });
});

describe("its rules", () => {
  it("wants the Metadata-Flavor header, and sends it", async () => {
    const url = await accountUrl(CLIENT, "default/email");
    expect((await fetch(url)).status).toBe(403);
    const answer = await fetch(url, ASK);
    expect(answer.headers.get("metadata-flavor")).toBe("Google");
    expect(await answer.text()).toBe(CLIENT);
  });

  it.each([
    ["default/identity", 400],
    ["default/identity?audience=", 400],
    ["default/nonsense", 404],
    ["default", 404],
    [`${COORDINATOR}/email`, 404],
    [`${CLIENT}/email`, 200],
    ["?recursive=true", 200],
    ["", 200],
  ])("answers service-accounts/%s with %i", async (path, status) => {
    expect((await fetch(await accountUrl(CLIENT, path), ASK)).status).toBe(status);
  });

  it("only answers GET", async () => {
    const url = await accountUrl(CLIENT, "default/token");
    expect((await fetch(url, { ...ASK, method: "POST" })).status).toBe(405);
  });

  it("leaves the e-mail out of a standard ID token", async () => {
    const answer = await fetch(await accountUrl(CLIENT, `default/identity?audience=${AUDIENCE}`), ASK);
    const claims = decodeJwt(await answer.text());
    expect(claims).not.toHaveProperty("email");
    expect(claims.sub).toMatch(/^\d{21}$/);
  });

  it("knows the project and the universe", async () => {
    const root = `http://${await metadata.identityHost(CLIENT)}/computeMetadata/v1`;
    expect(await (await fetch(`${root}/project/project-id`, ASK)).text()).toBe(PROJECT);
    expect(await (await fetch(`${root}/universe/universe-domain`, ASK)).text()).toBe("googleapis.com");
    expect((await fetch(`${root}/instance/`, ASK)).status).toBe(200);
    expect((await fetch(`http://${await metadata.identityHost(CLIENT)}/`, ASK)).status).toBe(404);
  });

  it("has one server for an account, however often it is asked for", async () => {
    const hosts = await Promise.all([1, 2, 3].map(() => metadata.identityHost(CLIENT)));
    expect(new Set(hosts).size).toBe(1);
    expect(await metadata.identityHost(COORDINATOR)).not.toBe(hosts[0]);
  });
});

describe("signBlob", () => {
  const sign = (signer: string, authorization: string, body: string) =>
    fetch(`${metadata.signBlobEndpoint}${signer}:signBlob`, {
      method: "POST",
      headers: { authorization },
      body,
    });
  const bearer = (email: string) => `Bearer ${metadata.identities.accessToken(email).token}`;
  const payload = JSON.stringify({ payload: Buffer.from("x").toString("base64") });

  it("refuses another account's signature", async () => {
    const answer = await sign(COORDINATOR, bearer(CLIENT), payload);
    expect(answer.status).toBe(403);
    expect(await answer.json()).toMatchObject({ error: { code: 403, status: "PERMISSION_DENIED" } });
  });

  it.each(["", "Bearer ", "Bearer unknown", "Basic eDp5"])(
    "refuses the credentials %j",
    async (authorization) => {
      expect((await sign(CLIENT, authorization, payload)).status).toBe(401);
    },
  );

  it.each(["", "null", "{}", "[]", '{"payload":1}', '{"payload":""}', "{"])(
    "refuses the body %j",
    async (body) => {
      expect((await sign(CLIENT, bearer(CLIENT), body)).status).toBe(400);
    },
  );

  it("has no other method", async () => {
    const answer = await fetch(`${metadata.signBlobEndpoint}${CLIENT}:generateAccessToken`, {
      method: "POST",
    });
    expect(answer.status).toBe(404);
  });

  it("cannot be used to forge an ID token", async () => {
    const now = Math.floor(Date.now() / 1000);
    const real = await metadata.mintIdToken({ email: CLIENT, audience: AUDIENCE });
    const [head] = real.split(".");
    const claims = { ...decodeJwt(real), email: COORDINATOR, exp: now + 3600 };
    const unsigned = `${head}.${Buffer.from(JSON.stringify(claims)).toString("base64url")}`;
    const answer = await sign(
      CLIENT,
      bearer(CLIENT),
      JSON.stringify({ payload: Buffer.from(unsigned).toString("base64") }),
    );
    const { signedBlob } = (await answer.json()) as { signedBlob: string };
    const forged = `${unsigned}.${Buffer.from(signedBlob, "base64").toString("base64url")}`;
    await expect(
      verifyIdToken(forged, {
        audience: AUDIENCE,
        certsUrl: metadata.certsUrl,
        allowed: "any-verified",
      }),
    ).rejects.toMatchObject({ code: "unauthenticated" });
  });
});

describe("tokens and time", () => {
  it("renews an access token in its last five minutes, and forgets it afterwards", async () => {
    let nowMs = Date.now();
    const identities = await createIdentities(() => nowMs);
    const first = identities.accessToken(CLIENT);
    expect(first.expiresInSeconds).toBe(3600);
    nowMs += 3300_000;
    expect(identities.accessToken(CLIENT)).toEqual({ token: first.token, expiresInSeconds: 300 });
    nowMs += 1;
    const second = identities.accessToken(CLIENT);
    expect(second.token).not.toBe(first.token);
    expect(identities.emailOfAccessToken(first.token)).toBe(CLIENT);
    nowMs += 300_000;
    expect(identities.emailOfAccessToken(first.token)).toBeUndefined();
    expect(identities.emailOfAccessToken(second.token)).toBe(CLIENT);
  });

  it("mints ID tokens that live an hour, or as long as they are asked to", async () => {
    const nowMs = 1_800_000_000_500;
    const identities = await createIdentities(() => nowMs);
    const lifetimes = async (expiresInSeconds?: number) => {
      const asked = expiresInSeconds === undefined ? {} : { expiresInSeconds };
      const { iat = 0, exp = 0 } = decodeJwt(
        await identities.mintIdToken({ email: CLIENT, audience: "a", ...asked }),
      );
      return [iat - 1_800_000_000, exp - 1_800_000_000];
    };
    expect(await lifetimes()).toEqual([0, 3600]);
    expect(await lifetimes(60)).toEqual([0, 60]);
    expect(await lifetimes(-60)).toEqual([-60, -60]);
  });

  it("has keys of its own in every box", async () => {
    const [one, other] = await Promise.all([createIdentities(), createIdentities()]);
    expect(one.keySet.keys[0]?.kid).not.toBe(other.keySet.keys[0]?.kid);
    const key = one.keySet.keys[0];
    expect(key).toMatchObject({ kty: "RSA", alg: "RS256", use: "sig" });
    expect(key).not.toHaveProperty("d");
    const { signature } = one.signBlob(Buffer.from("x"));
    expect(other.verifyBlob(Buffer.from("x"), signature)).toBe(false);
    expect(one.verifyBlob(Buffer.from("x"), Buffer.alloc(0))).toBe(false);
  });
});

describe("its life", () => {
  it("stops all its servers, twice if need be, and starts none afterwards", async () => {
    const own = await startMetadata({ projectId: PROJECT });
    const host = await own.identityHost(CLIENT);
    expect(own.env).toEqual({
      GOOGLE_CLOUD_PROJECT: PROJECT,
      OIDC_CERTS_URL: own.certsUrl,
      SIGN_BLOB_ENDPOINT: own.signBlobEndpoint,
    });
    await Promise.all([own.stop(), own.stop()]);
    await expect(fetch(`http://${host}/`)).rejects.toThrow();
    await expect(fetch(own.certsUrl)).rejects.toThrow();
    await expect(own.identityHost(COORDINATOR)).rejects.toThrow("stopped");
  });

  it("rejects when its port is taken", async () => {
    const port = Number(metadata.address.split(":")[1]);
    await expect(startMetadata({ projectId: PROJECT, port })).rejects.toMatchObject({ code: "EADDRINUSE" });
  });
});

it("serves keys that do not match a token signed with another key", async () => {
  const token = await new SignJWT({ email: CLIENT, email_verified: true })
    .setProtectedHeader({ alg: "HS256" })
    .setAudience(AUDIENCE)
    .sign(Buffer.from(JSON.stringify(metadata.identities.keySet)));
  await expect(
    verifyIdToken(token, { audience: AUDIENCE, certsUrl: metadata.certsUrl, allowed: "any-verified" }),
  ).rejects.toMatchObject({ code: "unauthenticated" });
});
