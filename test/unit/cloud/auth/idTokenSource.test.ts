// The cache, the retries and the errors of the token source, with a scripted metadata server and clock.
import { describe, expect, it } from "vitest";
import { idTokenSource } from "../../../../shared/cloud/auth/idTokenSource.ts";

const HOUR_MS = 3_600_000;
const START_MS = 1_800_000_000_000;

type Answer = (url: URL, count: number) => Response | Error;

function jwt(expiresAtMs: number, id: number): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "RS256" })}.${part({ exp: expiresAtMs / 1000, id })}.signature`;
}

function scripted(answer: Answer) {
  const clock = { ms: START_MS };
  const requests: { url: URL; headers: Headers }[] = [];
  const sleeps: number[] = [];
  const source = idTokenSource({
    metadataHost: "metadata:8080",
    nowMs: () => clock.ms,
    sleep: async (ms) => {
      sleeps.push(ms);
    },
    fetch: async (input, init) => {
      const url = new URL(String(input));
      requests.push({ url, headers: new Headers(init?.headers) });
      const given = answer(url, requests.length);
      if (given instanceof Error) throw given;
      return given;
    },
  });
  return { source, clock, requests, sleeps };
}

const fresh = (clockMs: () => number) => (_url: URL, count: number) =>
  new Response(jwt(clockMs() + HOUR_MS, count));

describe("fetchIdToken", () => {
  it("asks the metadata server for a full token, once", async () => {
    const { source, requests } = scripted(fresh(() => START_MS));
    const tokens = [
      await source.fetchIdToken("https://a?x=1&y"),
      await source.fetchIdToken("https://a?x=1&y"),
    ];
    expect(tokens[0]).toBe(tokens[1]);
    expect(requests).toHaveLength(1);
    const [{ url, headers } = { url: new URL("x:"), headers: new Headers() }] = requests;
    expect(url.host).toBe("metadata:8080");
    expect(url.pathname).toBe("/computeMetadata/v1/instance/service-accounts/default/identity");
    expect(Object.fromEntries(url.searchParams)).toEqual({ format: "full", audience: "https://a?x=1&y" });
    expect(headers.get("metadata-flavor")).toBe("Google");
  });

  it("asks for each audience, and again five minutes before the end", async () => {
    const { source, clock, requests } = scripted(fresh(() => START_MS));
    const first = await source.fetchIdToken("a");
    expect(await source.fetchIdToken("b")).not.toBe(first);
    clock.ms = START_MS + HOUR_MS - 300_001;
    expect(await source.fetchIdToken("a")).toBe(first);
    clock.ms += 1;
    expect(await source.fetchIdToken("a")).not.toBe(first);
    expect(requests).toHaveLength(3);
  });

  it("shares one request between callers at the same time", async () => {
    const { source, requests } = scripted(fresh(() => START_MS));
    const tokens = await Promise.all([1, 2, 3].map(() => source.fetchIdToken("a")));
    expect(new Set(tokens).size).toBe(1);
    expect(requests).toHaveLength(1);
  });

  it("tries three times, and does not remember a failure", async () => {
    const { source, requests, sleeps } = scripted((_url, count) => {
      if (count === 1) return new Error("connection refused");
      return count <= 3 ? new Response("busy", { status: 503 }) : new Response(jwt(START_MS + HOUR_MS, 4));
    });
    await expect(source.fetchIdToken("a")).rejects.toMatchObject({ code: "unavailable", retry: "soon" });
    expect(requests).toHaveLength(3);
    expect(sleeps).toEqual([100, 400]);
    expect(await source.fetchIdToken("a")).toContain("signature");
  });

  it("does not insist when it is refused", async () => {
    const { source, requests } = scripted(() => new Response("no", { status: 403 }));
    await expect(source.fetchIdToken("a")).rejects.toMatchObject({
      code: "unauthenticated",
      retry: "needs-a-person",
    });
    expect(requests).toHaveLength(1);
  });

  it.each(["", "garbage", "a.b.c", `x.${Buffer.from("{}").toString("base64url")}.y`, `x.${btoa("null")}.y`])(
    "does not take %j for a token",
    async (body) => {
      const { source } = scripted(() => new Response(body));
      await expect(source.fetchIdToken("a")).rejects.toMatchObject({ code: "unavailable" });
    },
  );
});

describe("accessToken", () => {
  it("is cached until five minutes before it expires, apart from ID tokens", async () => {
    const { source, clock, requests } = scripted((_url, count) =>
      Response.json({ access_token: `t${count}`, expires_in: 3600, token_type: "Bearer" }),
    );
    expect(await source.accessToken()).toBe("t1");
    clock.ms += HOUR_MS - 300_001;
    expect(await source.accessToken()).toBe("t1");
    clock.ms += 1;
    expect(await source.accessToken()).toBe("t2");
    expect(requests[0]?.url.pathname).toMatch(/\/default\/token$/);
  });

  it.each(["{}", "[]", "null", '{"access_token":"t"}', '{"access_token":1,"expires_in":1}', "{"])(
    "does not take %s for an answer",
    async (body) => {
      const { source } = scripted(() => new Response(body));
      await expect(source.accessToken()).rejects.toMatchObject({ code: "unavailable" });
    },
  );
});
