// A data set's bytes: from a folder, from a bucket, and what is said when they are not to be had.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { IdTokenSource } from "../../../shared/cloud/auth/idTokenSource.ts";
import { readSource, sourceFor } from "../../../shared/cloud/source.ts";
import { FlError } from "../../../shared/core/errors.ts";
import { refusalOf } from "../../support/refusal.ts";

const bytes = new Uint8Array([0, 1, 2, 255]);
const tokens: IdTokenSource = {
  accessToken: async () => "access-1",
  fetchIdToken: () => Promise.reject(new Error("a bucket takes access tokens")),
};

let server: Server;
let endpoint: string;
let answer: { status: number; cut?: boolean } = { status: 200 };
let seen: { url: string | undefined; authorization: string | undefined };

beforeAll(async () => {
  server = createServer((request, response) => {
    seen = { url: request.url, authorization: request.headers.authorization };
    response.writeHead(answer.status, { "content-length": bytes.length });
    if (answer.cut === true) response.write(bytes.subarray(0, 2), () => response.destroy());
    else response.end(bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  endpoint = `http://127.0.0.1:${address.port}`;
});

afterAll(() => {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(resolve));
});

describe("sourceFor", () => {
  it("puts the client's name in every place for it", () => {
    expect(sourceFor("gs://b/{clientId}/{clientId}.safetensors", "lab-1")).toBe(
      "gs://b/lab-1/lab-1.safetensors",
    );
    expect(sourceFor("file:///data/all", "lab-1")).toBe("file:///data/all");
  });
});

describe("readSource", () => {
  const read = (address: string) => readSource(address, { tokens, storageEndpoint: endpoint });

  it("reads a file", async () => {
    const folder = await mkdtemp(join(tmpdir(), "source-"));
    try {
      const file = join(folder, "data set.bin");
      await writeFile(file, bytes);
      expect(new Uint8Array(await read(pathToFileURL(file).href))).toEqual(bytes);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it.each(["file:///no/such/file", "file://other-host/x", "file:///"])(
    "%s: only its owner can mend it",
    async (address) => {
      const error = await refusalOf(() => read(address));
      expect(error).toMatchObject({ code: "failed-precondition", retry: "never" });
      expect(error.message).not.toContain("/no/such");
    },
  );

  it("reads an object of a bucket with the function's own token", async () => {
    answer = { status: 200 };
    expect(await read("gs://my-bucket/silo 1/a?b#c.bin")).toEqual(bytes);
    expect(seen).toEqual({
      url: "/storage/v1/b/my-bucket/o/silo%201%2Fa%3Fb%23c.bin?alt=media",
      authorization: "Bearer access-1",
    });
  });

  it.each([
    [401, "failed-precondition", "never"],
    [403, "failed-precondition", "never"],
    [404, "failed-precondition", "never"],
    [408, "unavailable", "soon"],
    [429, "unavailable", "soon"],
    [500, "unavailable", "soon"],
    [503, "unavailable", "soon"],
  ])("HTTP %i is %s", async (status, code, retry) => {
    answer = { status };
    const error = await refusalOf(() => read("gs://b/o"));
    expect(error).toMatchObject({ code, retry });
    expect(error.message).toContain(`HTTP ${status}`);
    expect(error.message).not.toContain("gs://");
  });

  it("an answer that is cut short may be whole next time", async () => {
    answer = { status: 200, cut: true };
    expect(await refusalOf(() => read("gs://b/o"))).toMatchObject({ code: "unavailable", retry: "soon" });
  });

  it("no answer at all, too", async () => {
    const dead = { tokens, storageEndpoint: "http://127.0.0.1:1" };
    expect(await refusalOf(() => readSource("gs://b/o", dead))).toMatchObject({ code: "unavailable" });
  });

  it("passes on that there is no token", async () => {
    const failure = new FlError("unavailable", "The metadata server did not answer.");
    const none = {
      tokens: { ...tokens, accessToken: () => Promise.reject(failure) },
      storageEndpoint: endpoint,
    };
    await expect(readSource("gs://b/o", none)).rejects.toBe(failure);
  });
});
