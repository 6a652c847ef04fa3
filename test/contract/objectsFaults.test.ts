// The adapter of object storage when Cloud Storage, IAM or the network fail: what is retried, what is
// reported, and how.
import { createServer, type RequestListener, type Server } from "node:http";
import { text } from "node:stream/consumers";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { close, listen } from "../../infra/box/metadata/listen.ts";
import { startMetadata } from "../../infra/box/metadata/startMetadata.ts";
import { connectObjects } from "../../shared/cloud/objects/connectObjects.ts";
import { signingFault, storageFault } from "../../shared/cloud/objects/storageFault.ts";
import { FlError } from "../../shared/core/errors.ts";

const EMAIL = "aggregator@demo.iam.gserviceaccount.com";
const servers: Server[] = [];
let signBlobEndpoint: string;

beforeAll(async () => {
  const environment = { ...process.env };
  const metadata = await startMetadata({ projectId: "demo" });
  Object.assign(process.env, await metadata.identityEnv(EMAIL));
  ({ signBlobEndpoint } = metadata);
  return async () => {
    await metadata.stop();
    process.env = environment;
  };
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map(close));
});

/** A Cloud Storage that answers as a test says. */
async function objectsOf(answer: RequestListener) {
  const server = createServer((request, response) => {
    request.resume().on("end", () => answer(request, response));
  });
  servers.push(server);
  const apiEndpoint = `http://${await listen(server)}`;
  return connectObjects({ bucket: "models", projectId: "demo", apiEndpoint, signBlobEndpoint });
}

const info = { name: "x", generation: "1", size: "1", crc32c: "qTxfkw==", contentType: "a/b" };
const downloadHeaders = {
  "content-type": "application/octet-stream",
  "x-goog-generation": "1",
  "x-goog-stored-content-encoding": "identity",
};

describe("a passing failure", () => {
  it("is retried, for reads and for writes", async () => {
    const failingOnce = async (status: number) => {
      let calls = 0;
      return await objectsOf((_request, response) => {
        calls += 1;
        if (calls === 1) response.writeHead(status).end();
        else response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(info));
      });
    };
    const results = await Promise.all([
      failingOnce(503).then((objects) => objects.stat("x")),
      failingOnce(429).then((objects) => objects.write("x", new Uint8Array([120]))),
      failingOnce(500).then((objects) => objects.write("x", new Uint8Array([120]), { ifGeneration: 0 })),
      failingOnce(503).then((objects) => objects.write("x", [new Uint8Array([120]), new Uint8Array(0)])),
      failingOnce(502).then((objects) => objects.remove("x")),
    ]);
    const found = { generation: "1", crc32c: info.crc32c };
    expect(results).toMatchObject([found, found, found, found, undefined]);
  });

  // The client's own retries of a download reject where it cannot be caught, which fails the run and ends a
  // function's process.
  it.each([408, 429, 500, 503])(
    "is retried for a download, and nothing else comes of it: %i",
    async (status) => {
      let calls = 0;
      const objects = await objectsOf((_request, response) => {
        calls += 1;
        if (calls === 1) response.writeHead(status, { "content-type": "text/plain" }).end("busy");
        else {
          response.writeHead(200, {
            ...downloadHeaders,
            "x-goog-stored-content-length": 1,
            "x-goog-hash": `crc32c=${info.crc32c}`,
          });
          response.end("x");
        }
      });
      expect(await objects.read("x")).toEqual(new Uint8Array([120]));
      expect(calls).toBe(2);
    },
  );

  it("that cuts the connection is worth a retry", async () => {
    const objects = await objectsOf((request) => request.socket.destroy());
    const content = (async function* () {
      yield new Uint8Array(1);
    })();
    await expect(objects.write("x", content)).rejects.toMatchObject({ code: "unavailable", retry: "soon" });
  });

  it("in the middle of a download is worth a retry", async () => {
    const objects = await objectsOf((_request, response) => {
      response.writeHead(200, {
        ...downloadHeaders,
        "content-length": 100,
        "x-goog-stored-content-length": 100,
        "x-goog-hash": "crc32c=AAAAAA==",
      });
      response.write("half", () => response.destroy());
    });
    await expect(objects.read("x")).rejects.toMatchObject({ code: "unavailable", retry: "soon" });
  });
});

describe("a damaged content", () => {
  const download = (headers: Record<string, string>, body: string) =>
    objectsOf((_request, response) => {
      response.writeHead(200, { ...downloadHeaders, ...headers }).end(body);
    });
  const damaged = { code: "data-loss", retry: "soon" };

  it("is noticed by its checksum", async () => {
    const objects = await download(
      { "x-goog-stored-content-length": "1", "x-goog-hash": "crc32c=AAAAAA==" },
      "x",
    );
    await expect(objects.read("x")).rejects.toMatchObject(damaged);
    const { stream } = await objects.openRead("x");
    const readAll = async () => {
      for await (const chunk of stream) expect(chunk).toHaveLength(1);
    };
    await expect(readAll()).rejects.toMatchObject(damaged);
  });

  it("is suspected where there is no checksum", async () => {
    const objects = await download({ "x-goog-stored-content-length": "1" }, "x");
    await expect(objects.read("x")).rejects.toMatchObject(damaged);
  });

  it.each(["0", "2", "nonsense"])(
    "is noticed by its length, declared as %s while it is 1",
    async (length) => {
      const headers = { "x-goog-stored-content-length": length, "x-goog-hash": `crc32c=${info.crc32c}` };
      await expect((await download(headers, "x")).read("x")).rejects.toMatchObject(damaged);
    },
  );

  it("is noticed after an upload", async () => {
    const objects = await objectsOf((_request, response) => {
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify({ ...info, crc32c: "AAAAAA==" }));
    });
    await expect(objects.write("x", new Uint8Array([120]))).rejects.toMatchObject(damaged);
  });
});

describe("signing", () => {
  it("without the right to is reported with its remedy", async () => {
    const { origin } = new URL(signBlobEndpoint);
    const objects = connectObjects({
      bucket: "models",
      projectId: "demo",
      apiEndpoint: origin,
      // As if the account had to sign for another one.
      signBlobEndpoint: `${origin}/v1/projects/-/serviceAccounts/other-`,
    });
    const link = objects.signedReadUrl("x", { expiresInSeconds: 60 });
    await expect(link).rejects.toMatchObject({ code: "internal", retry: "needs-a-person" });
    await expect(link).rejects.toThrow("roles/iam.serviceAccountTokenCreator");
  });

  it("of the same link to read is asked for once a second, and again after a failure", async () => {
    let asked = 0;
    const server = createServer(async (request, response) => {
      const body = await text(request);
      asked += 1;
      if (asked === 1) {
        response.writeHead(403).end();
        return;
      }
      const { authorization = "" } = request.headers;
      const headers = { authorization, "content-type": "application/json" };
      const answer = await fetch(`${new URL(signBlobEndpoint).origin}${request.url}`, {
        method: "POST",
        headers,
        body,
      });
      response.writeHead(answer.status, { "content-type": "application/json" }).end(await answer.text());
    });
    servers.push(server);
    const { pathname } = new URL(signBlobEndpoint);
    const objects = connectObjects({
      bucket: "models",
      projectId: "demo",
      apiEndpoint: new URL(signBlobEndpoint).origin,
      signBlobEndpoint: `http://${await listen(server)}${pathname}`,
    });
    const link = async (name: string, expiresInSeconds = 60) =>
      (await objects.signedReadUrl(name, { expiresInSeconds })).url;
    vi.useFakeTimers({ toFake: ["Date"], now: new Date("2026-11-21T12:00:00.100Z") });
    try {
      await expect(link("x")).rejects.toThrow("Cannot sign a link");
      const [first, second] = await Promise.all([link("x"), link("x")]);
      expect([second, asked]).toEqual([first, 2]);
      vi.setSystemTime(new Date("2026-11-21T12:00:00.999Z"));
      expect([await link("x"), asked]).toEqual([first, 2]);
      expect([await link("y"), await link("x", 61)]).not.toContain(first);
      expect(asked).toBe(4);
      vi.setSystemTime(new Date("2026-11-21T12:00:01Z"));
      expect(await link("x")).not.toBe(first);
      expect(asked).toBe(5);
    } finally {
      vi.useRealTimers();
    }
  });

  it("that fails otherwise is worth a retry", () => {
    expect(signingFault("sign", new Error("socket hang up"))).toMatchObject({
      code: "unavailable",
      retry: "soon",
    });
    expect(signingFault("sign", "nothing")).toMatchObject({ code: "unavailable" });
  });
});

describe("each answer of Cloud Storage", () => {
  it.each([
    [{ code: 400 }, "invalid-argument", "never"],
    [{ code: 401 }, "internal", "needs-a-person"],
    [{ code: 403 }, "internal", "needs-a-person"],
    [{ code: 404 }, "not-found", "never"],
    [
      Object.assign(new Error("The specified bucket does not exist."), { code: 404 }),
      "internal",
      "needs-a-person",
    ],
    [{ status: 412 }, "failed-precondition", "never"],
    [{ code: "412" }, "failed-precondition", "never"],
    [{ code: 413 }, "too-large", "never"],
    [{ code: 416 }, "invalid-argument", "never"],
    [{ code: 408 }, "unavailable", "soon"],
    [{ code: 429 }, "unavailable", "soon"],
    [{ code: 500 }, "unavailable", "soon"],
    [{ code: 599 }, "unavailable", "soon"],
    [{ code: 418 }, "internal", "soon"],
    [{ code: "ECONNRESET" }, "unavailable", "soon"],
    [{ name: "FetchError", type: "system" }, "unavailable", "soon"],
    [{ code: "CONTENT_DOWNLOAD_MISMATCH" }, "data-loss", "soon"],
    [{ code: "FILE_NO_UPLOAD" }, "data-loss", "soon"],
    [new TypeError("a defect"), "internal", "soon"],
    ["a string", "internal", "soon"],
    [null, "internal", "soon"],
  ])("%j is %s", (cause, code, retry) => {
    const error = storageFault('read "x" in bucket "b"', cause);
    expect(error).toMatchObject({ code, retry });
    expect(error.message).toMatch(/^Cannot read "x" in bucket "b": /);
    expect(error.cause).toBe(cause);
  });

  it("that is ours already stays as it is", () => {
    const error = new FlError("too-large", "Ours.");
    expect(storageFault("read", error)).toBe(error);
  });
});
