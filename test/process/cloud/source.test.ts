// A data set's bytes: from a folder, from a bucket, and what is said when they are not to be had.
import { mkdir, mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { IdTokenSource } from "../../../shared/cloud/auth/idTokenSource.ts";
import { openSource, type SourceOptions, sourceFor, sourceVersion } from "../../../shared/cloud/source.ts";
import { FlError } from "../../../shared/core/errors.ts";
import { refusalOf } from "../../support/refusal.ts";

const bytes = new Uint8Array([0, 1, 2, 255]);
const tokens: IdTokenSource = {
  accessToken: async () => "access-1",
  fetchIdToken: () => Promise.reject(new Error("a bucket takes access tokens")),
};

let server: Server;
let folder: string;
let options: SourceOptions;
let answer: { status: number; cut?: boolean; location?: string } = { status: 200 };
let seen: { url: string | undefined; authorization: string | undefined };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "source-"));
  server = createServer((request, response) => {
    seen = { url: request.url, authorization: request.headers.authorization };
    const location = answer.location === undefined ? {} : { location: answer.location };
    if (request.url?.endsWith("?fields=generation")) {
      response.writeHead(answer.status, location).end(JSON.stringify({ generation: "42" }));
      return;
    }
    response.writeHead(answer.status, {
      "content-length": bytes.length,
      "x-goog-generation": "42",
      ...location,
    });
    if (answer.cut === true) response.write(bytes.subarray(0, 2), () => response.destroy());
    else response.end(bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  options = { tokens, storageEndpoint: `http://127.0.0.1:${address.port}` };
});

afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true });
});

describe("sourceFor", () => {
  it.each([
    ["gs://b/{clientId}/{clientId}.safetensors", undefined, "gs://b/lab-1/lab-1.safetensors"],
    ["file:///data/all", undefined, "file:///data/all"],
    ["gs://b/{data}/{clientId}.safetensors", "x-rays", "gs://b/x-rays/lab-1.safetensors"],
    ["gs://b/{data}/{clientId}.safetensors", undefined, "gs://b/default/lab-1.safetensors"],
    ["gs://b/clients/{clientId}.safetensors", "x-rays", "gs://b/clients/lab-1/x-rays.safetensors"],
    ["file:///data/{clientId}", "x-rays", "file:///data/lab-1/x-rays"],
    ["file:///data.d/{clientId}", "x-rays", "file:///data.d/lab-1/x-rays"],
  ])("%s for the data set %s", (template, data, address) => {
    expect(sourceFor(template, { clientId: "lab-1", data })).toBe(address);
  });

  it("keeps the placeholder where there is no client", () => {
    expect(sourceFor("gs://b/{clientId}/test", { data: "x" })).toBe("gs://b/{clientId}/test/x");
  });
});

/** Everything that there is at the address. */
async function read(address: string, from = options): Promise<Uint8Array> {
  const source = await openSource(address, from);
  const parts: Uint8Array[] = [];
  try {
    for await (const chunk of source.chunks) parts.push(chunk);
  } finally {
    await source.close();
  }
  return new Uint8Array(Buffer.concat(parts));
}

describe("openSource", () => {
  it("reads a file, and knows it again until it is replaced", async () => {
    const file = join(folder, "data set.bin");
    await writeFile(file, bytes);
    const address = pathToFileURL(file).href;
    expect(await read(address)).toEqual(bytes);
    const source = await openSource(address, options);
    await source.close();
    expect(source.sizeBytes).toBe(4);
    expect(await sourceVersion(address, options)).toBe(source.version);
    await writeFile(file, new Uint8Array([9, 1, 2, 255]));
    await utimes(file, new Date(), new Date(Date.now() + 1_000));
    expect(await sourceVersion(address, options)).not.toBe(source.version);
  });

  it("names a file that is missing, and what it can do about it", async () => {
    const error = await refusalOf(() => read("file:///no/such/file"));
    expect(error).toMatchObject({
      code: "failed-precondition",
      retry: "never",
      message: expect.stringMatching(/file:\/\/\/no\/such\/file cannot be read: there is no such file/),
    });
  });

  it.each(["file://other-host/x", "folder"])("%s: only its owner can put it right", async (name) => {
    await mkdir(join(folder, "folder"), { recursive: true });
    const address = name === "folder" ? pathToFileURL(join(folder, name)).href : name;
    const error = await refusalOf(() => read(address));
    expect(error).toMatchObject({ code: "failed-precondition", retry: "never" });
    expect(error.message).toContain(address);
  });

  it("reads an object of a bucket with the function's own token", async () => {
    answer = { status: 200 };
    expect(await read("gs://my-bucket/silo 1/a?b#c.bin")).toEqual(bytes);
    expect(seen).toEqual({
      url: "/storage/v1/b/my-bucket/o/silo%201%2Fa%3Fb%23c.bin?alt=media",
      authorization: "Bearer access-1",
    });
  });

  it("knows an object by its generation", async () => {
    answer = { status: 200 };
    const source = await openSource("gs://b/o", options);
    await source.close();
    expect(source).toMatchObject({ version: "42", sizeBytes: 4 });
    expect(await sourceVersion("gs://b/o", options)).toBe("42");
  });

  it.each([
    [401, "failed-precondition", "needs-a-person"],
    [403, "failed-precondition", "needs-a-person"],
    [404, "failed-precondition", "never"],
    [408, "unavailable", "soon"],
    [429, "unavailable", "soon"],
    [500, "unavailable", "soon"],
    [503, "unavailable", "soon"],
  ])("HTTP %i is %s", async (status, code, retry) => {
    answer = { status };
    for (const ask of [read, (address: string) => sourceVersion(address, options)]) {
      const error = await refusalOf(() => ask("gs://b/o"));
      expect(error).toMatchObject({ code, retry });
      expect(error.message).toContain(`gs://b/o`);
      expect(error.message).toContain(`HTTP ${status}`);
    }
  });

  it("takes its token nowhere else", async () => {
    answer = { status: 302, location: "http://127.0.0.1:1/elsewhere" };
    expect(await refusalOf(() => read("gs://b/o"))).toMatchObject({ code: "unavailable" });
    expect(seen.url).toBe("/storage/v1/b/b/o/o?alt=media");
  });

  it("a truncated answer may be whole next time", async () => {
    answer = { status: 200, cut: true };
    expect(await refusalOf(() => read("gs://b/o"))).toMatchObject({ code: "unavailable", retry: "soon" });
  });

  it("no answer at all, too", async () => {
    const dead = { tokens, storageEndpoint: "http://127.0.0.1:1" };
    expect(await refusalOf(() => read("gs://b/o", dead))).toMatchObject({ code: "unavailable" });
  });

  it("passes on that there is no token", async () => {
    const failure = new FlError("unavailable", "The metadata server did not answer.");
    const none = { ...options, tokens: { ...tokens, accessToken: () => Promise.reject(failure) } };
    await expect(read("gs://b/o", none)).rejects.toBe(failure);
  });
});
