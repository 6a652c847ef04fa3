// Calls of the api: what is sent, what is tried again, and what each answer comes to.
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ApiAnswer } from "../../../infra/cli/apiAnswer.ts";
import { apiTransport, type ToldCall } from "../../../infra/cli/apiTransport.ts";
import { FlError } from "../../../shared/core/errors.ts";
import { errorResponse } from "../../../shared/http/errors.ts";

interface Answered {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly text: string;
}

let server: Server;
let url: string;
let answers: (Answered | "cut")[];
let seen: {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}[];

beforeEach(async () => {
  answers = [];
  seen = [];
  server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => {
      body += chunk;
    });
    request.on("end", () => {
      seen.push({ method: request.method ?? "", url: request.url ?? "", headers: request.headers, body });
      const answer = answers.shift() ?? { status: 200, text: '{"ok":true}' };
      if (answer === "cut") request.socket.destroy();
      else response.writeHead(answer.status, answer.headers).end(answer.text);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const refusing = (error: FlError): Answered => {
  const { status, headers, body } = errorResponse(error);
  return { status, headers: { ...headers }, text: JSON.stringify(body) };
};
const busy = () => refusing(new FlError("unavailable", "Too busy."));
const transport = (
  options: { readonly patienceMs?: number; readonly onCall?: (told: ToldCall) => void } = {},
) => apiTransport({ url, token: async (audience) => `token-for-${audience}`, ...options });

test("a call has a token for the api, a trace, its query and its body", async () => {
  const told: ToldCall[] = [];
  const answer = await transport({ onCall: (call) => told.push(call) }).call({
    method: "POST",
    path: "/v1/runs",
    query: { limit: 2, cursor: "a b&c", none: undefined },
    body: { name: "x" },
    key: "k",
  });
  expect(answer).toEqual({ ok: true });
  const [first] = seen;
  const { headers = {}, ...request } = first ?? {};
  expect(request).toEqual({ method: "POST", url: "/v1/runs?limit=2&cursor=a+b%26c", body: '{"name":"x"}' });
  expect(headers).toMatchObject({ authorization: `Bearer token-for-${url}`, "idempotency-key": "k" });
  expect(told).toMatchObject([{ method: "POST", path: "/v1/runs", status: 200 }]);
  expect(String(Object(headers).traceparent)).toMatch(new RegExp(`^00-${told[0]?.trace}-[0-9a-f]{16}-01$`));
});

describe("what is tried again", () => {
  test("is what reads, until it is answered", async () => {
    answers = [busy(), "cut", { status: 502, text: "<html>" }];
    expect(await transport().call({ method: "GET", path: "/v1/runs" })).toEqual({ ok: true });
    expect(seen).toHaveLength(4);
  });

  test("is what has a key, with the same key", async () => {
    answers = [busy()];
    await transport().call({ method: "POST", path: "/v1/runs", key: "k" });
    expect(seen.map(({ headers }) => headers["idempotency-key"])).toEqual(["k", "k"]);
  });

  test("is nothing else, nor what a later call is refused for as well", async () => {
    answers = [busy(), refusing(new FlError("invalid-argument", "No."))];
    await expect(transport().call({ method: "POST", path: "/v1/runs" })).rejects.toThrow("503: Too busy.");
    await expect(transport().call({ method: "GET", path: "/v1/runs" })).rejects.toThrow("400: No.");
    expect(seen).toHaveLength(2);
  });

  test("is given up after its patience, with the last answer", async () => {
    answers = Array.from({ length: 9 }, busy);
    await expect(
      transport({ patienceMs: 1 }).call({ method: "GET", path: "/v1/runs" }),
    ).rejects.toMatchObject({
      code: "unavailable",
    });
    expect(seen).toHaveLength(1);
  });
});

test.each([
  [400, "invalid-argument"],
  [401, "unauthenticated"],
  [403, "permission-denied"],
  [404, "not-found"],
  [413, "too-large"],
  [429, "unavailable"],
  [500, "internal"],
  [503, "unavailable"],
  [418, "failed-precondition"],
])("%d is told as %s, with the answer's words", async (status, code) => {
  answers = [{ status, text: JSON.stringify({ error: { code: "?", message: "Words." } }) }];
  const failed = await transport({ patienceMs: 0 })
    .call({ method: "GET", path: "/v1/x" })
    .catch((error: unknown) => error);
  expect(failed).toMatchObject({ code, message: `GET /v1/x answered ${status}: Words.` });
  expect((failed as FlError).cause).toMatchObject({ status, words: "Words." });
  expect((failed as FlError).cause).toBeInstanceOf(ApiAnswer);
});

test("every problem that the api lists is kept, and nothing that is none", async () => {
  const problems = [{ path: "name", message: "is required" }];
  answers = [refusing(new FlError("invalid-argument", "No.", { problems }))];
  await expect(transport().call({ method: "GET", path: "/" })).rejects.toMatchObject({ problems });
  answers = [{ status: 400, text: '{"error":{"message":"m","problems":[1,{"path":2,"message":"x"}]}}' }];
  await expect(transport().call({ method: "GET", path: "/" })).rejects.toMatchObject({ problems: [] });
});

test("an answer that is no JSON is not the api's", async () => {
  answers = [{ status: 200, text: "<html>" }];
  await expect(transport().call({ method: "GET", path: "/v1/runs" })).rejects.toThrow(
    `check that ${url} is the api's`,
  );
});

test("where nothing listens it is said at once", async () => {
  const nowhere = apiTransport({ url: "http://127.0.0.1:9", token: async () => "t" });
  await expect(nowhere.call({ method: "GET", path: "/" })).rejects.toMatchObject({
    code: "unavailable",
    retry: "never",
  });
});
