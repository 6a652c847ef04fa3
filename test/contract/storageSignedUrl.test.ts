// Signed URLs of the local Cloud Storage: made by the official client through IAM, used by plain fetch, and
// refused once anything about them is altered.
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Bucket, Storage } from "@google-cloud/storage";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type MetadataService, startMetadata } from "../../infra/box/metadata/startMetadata.ts";
import { type StorageService, startStorage } from "../../infra/box/storage/startStorage.ts";

const SIGNER = "coordinator@demo.iam.gserviceaccount.com";
const CONTENT = "the model";
const MAX_BYTES = 1000;

let metadata: MetadataService;
let storage: StorageService;
let bucket: Bucket;
let dataDir: string;
let clockMs: number | undefined;
const environment = { ...process.env };

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "storage-signed-"));
  metadata = await startMetadata({ projectId: "demo" });
  storage = await startStorage({
    identities: metadata.identities,
    grants: [
      { member: SIGNER, bucket: "models", prefix: "runs/", role: "writer" },
      { member: SIGNER, bucket: "models", prefix: "public/", role: "reader" },
    ],
    buckets: ["models", "other"],
    dataDir,
    nowMs: () => clockMs ?? Date.now(),
  });
  Object.assign(process.env, await metadata.identityEnv(SIGNER));
  bucket = new Storage({
    apiEndpoint: storage.endpoint,
    projectId: "demo",
    useAuthWithCustomEndpoint: true,
  }).bucket("models");
  await bucket.file("runs/model v1").save(CONTENT, { resumable: false });
});
afterAll(async () => {
  await storage.stop();
  await metadata.stop();
  await rm(dataDir, { recursive: true });
  process.env = environment;
});

async function sign(
  name: string,
  action: "read" | "write" | "delete",
  extensionHeaders: Record<string, string> = {},
  options: { contentType?: string; expires?: number; queryParams?: Record<string, string> } = {},
): Promise<string> {
  const [url] = await bucket.file(name).getSignedUrl({
    version: "v4",
    action,
    expires: Date.now() + 60_000,
    extensionHeaders,
    signingEndpoint: metadata.signBlobEndpoint,
    ...options,
  });
  return url;
}

const WRITE_HEADERS = {
  "content-type": "application/octet-stream",
  "x-goog-if-generation-match": "0",
  "x-goog-content-length-range": `0,${MAX_BYTES}`,
};
async function signWrite(name: string): Promise<string> {
  const { "content-type": contentType, ...headers } = WRITE_HEADERS;
  return await sign(name, "write", headers, { contentType });
}
const put = (url: string, body: RequestInit["body"], headers: Record<string, string> = WRITE_HEADERS) =>
  fetch(url, { method: "PUT", headers, body: body ?? null });
const exists = async (name: string) => (await bucket.file(name).exists())[0];
const files = async () => (await readdir(dataDir, { recursive: true })).length;
const codeOf = async (answer: Response) => /<Code>(\w+)<\/Code>/.exec(await answer.text())?.[1];
async function expectRefused(answer: Response, status: number, code: string): Promise<void> {
  expect([answer.status, await codeOf(answer)]).toEqual([status, code]);
}

describe("a link to read", () => {
  it("gives the object to any holder, with its checksums, whole or in part", async () => {
    const url = await sign("runs/model v1", "read");
    const answer = await fetch(url);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("x-goog-hash")).toMatch(/^crc32c=.{6}==,md5=.{22}==$/);
    expect(await answer.text()).toBe(CONTENT);
    const part = await fetch(url, { headers: { range: "bytes=4-8" } });
    expect([part.status, await part.text()]).toEqual([206, "model"]);
  });

  it("gives nothing but the tag where the holder has that very write of the object", async () => {
    await bucket.file("runs/again").save("first", { resumable: false });
    const url = await sign("runs/again", "read");
    const etag = (await fetch(url)).headers.get("etag") ?? "";
    const ask = (tag: string) => fetch(url, { headers: { "if-none-match": tag } });
    const same = await ask(etag);
    expect([same.status, same.headers.get("etag"), await same.text()]).toEqual([304, etag, ""]);
    expect(await (await ask('"another"')).text()).toBe("first");
    await bucket.file("runs/again").save("second", { resumable: false });
    expect(await (await ask(etag)).text()).toBe("second");
    // A tag is no right to read.
    await expectRefused(
      await fetch(`${url.slice(0, -1)}0`, { headers: { "if-none-match": etag } }),
      403,
      "SignatureDoesNotMatch",
    );
  });

  it("is good for as long as it says, and not a moment longer", async () => {
    const url = await sign("runs/model v1", "read", {}, { expires: Date.now() + 10_000 });
    const signedAtMs = Date.parse(
      new URL(url).searchParams
        .get("X-Goog-Date")
        ?.replace(/(....)(..)(..)T(..)(..)(..)Z/, "$1-$2-$3T$4:$5:$6Z") ?? "",
    );
    const endMs = signedAtMs + 1000 * Number(new URL(url).searchParams.get("X-Goog-Expires"));
    const statusAt = async (ms: number) => {
      clockMs = ms;
      return await fetch(url).finally(() => {
        clockMs = undefined;
      });
    };
    expect((await statusAt(endMs - 1)).status).toBe(200);
    await expectRefused(await statusAt(endMs), 400, "ExpiredToken");
    await expectRefused(await statusAt(signedAtMs - 15 * 60_000 - 1), 403, "AccessDenied");
    expect((await statusAt(signedAtMs - 15 * 60_000)).status).toBe(200);
  });

  it.each(["PUT", "DELETE", "HEAD", "POST"])("does not %s", async (method) => {
    expect((await fetch(await sign("runs/model v1", "read"), { method })).status).toBe(403);
    expect(await exists("runs/model v1")).toBe(true);
  });

  it("to what is not there is 404", async () => {
    await expectRefused(await fetch(await sign("runs/none", "read")), 404, "NoSuchKey");
  });

  it("may name parameters, and they count", async () => {
    const url = await sign("runs/model v1", "read", {}, { queryParams: { note: "a b&c=d+e" } });
    expect((await fetch(url)).status).toBe(200);
    await expectRefused(await fetch(url.replace("note=a", "note=b")), 403, "SignatureDoesNotMatch");
  });
});

describe("an altered link", () => {
  const inQuery = (name: string, change: (value: string) => string) => (url: URL) => {
    url.searchParams.set(name, change(url.searchParams.get(name) ?? ""));
  };
  const inPath = (from: string, to: string) => (url: URL) => {
    url.pathname = url.pathname.replace(from, to);
  };
  const lastDigit = (text: string) => text.replace(/.$/, (digit) => (digit === "0" ? "1" : "0"));

  it.each<[string, (url: URL) => void]>([
    ["another object", inPath("v1", "v2")],
    ["another bucket", inPath("/models/", "/other/")],
    ["another spelling of the object", inPath("runs/", "runs%2F")],
    ["a later expiry", inQuery("X-Goog-Expires", () => "604800")],
    ["a later date", inQuery("X-Goog-Date", lastSecond)],
    ["another signer", inQuery("X-Goog-Credential", (value) => value.replace("coordinator", "aggregator"))],
    ["another location", inQuery("X-Goog-Credential", (value) => value.replace("/auto/", "/eu/"))],
    ["one signature digit", inQuery("X-Goog-Signature", lastDigit)],
    ["half a signature", inQuery("X-Goog-Signature", (value) => value.slice(0, 256))],
    ["one parameter more", (url) => url.searchParams.append("generation", "1")],
    ["a parameter twice", (url) => url.searchParams.append("X-Goog-Expires", "604800")],
    ["a header that was not signed", inQuery("X-Goog-SignedHeaders", () => "accept;host")],
  ])("to %s is refused", async (_what, alter) => {
    const url = new URL(await sign("runs/model v1", "read"));
    alter(url);
    await expectRefused(await fetch(url), 403, "SignatureDoesNotMatch");
  });

  it.each<[string, (url: URL) => void]>([
    ["no date", (url) => url.searchParams.delete("X-Goog-Date")],
    ["an invalid date", inQuery("X-Goog-Date", () => "yesterday")],
    ["a day that does not exist", inQuery("X-Goog-Date", (value) => `${value.slice(0, 8)}T996060Z`)],
    ["no expiry", (url) => url.searchParams.delete("X-Goog-Expires")],
    ["an expiry in words", inQuery("X-Goog-Expires", () => "never")],
    ["no lifetime", inQuery("X-Goog-Expires", () => "0")],
    ["more than seven days", inQuery("X-Goog-Expires", () => "604801")],
    ["no credential", (url) => url.searchParams.delete("X-Goog-Credential")],
    [
      "another service in the credential",
      inQuery("X-Goog-Credential", (value) => value.replace("/storage/", "/x/")),
    ],
    [
      "another day in the credential",
      inQuery("X-Goog-Credential", (value) => value.replace(/\/\d{8}/, "/20200101")),
    ],
    ["another algorithm", inQuery("X-Goog-Algorithm", () => "GOOG4-HMAC-SHA256")],
    ["a signature that is not hexadecimal", inQuery("X-Goog-Signature", () => "zz")],
    ["no signed headers", (url) => url.searchParams.delete("X-Goog-SignedHeaders")],
    ["an unsigned host", inQuery("X-Goog-SignedHeaders", () => "accept")],
    ["a signed header that is not sent", inQuery("X-Goog-SignedHeaders", () => "host;x-goog-meta-a")],
  ])("with %s is malformed", async (_what, alter) => {
    const url = new URL(await sign("runs/model v1", "read"));
    alter(url);
    await expectRefused(await fetch(url), 400, "MalformedSecurityHeader");
  });

  it("in any single character of its path or its parameters is refused", async () => {
    const signed = await sign("runs/model v1", "read");
    const altered = alterations(new URL(signed));
    expect(altered.length).toBeGreaterThan(600);
    const answers = await Promise.all(
      altered.map(async (url) => ({ url, status: (await raw("GET", url)).status })),
    );
    // 404 would reveal what exists; 200 would give it away.
    expect(answers.filter(({ status }) => status !== 400 && status !== 403)).toEqual([]);
    expect((await raw("GET", new URL(signed))).status).toBe(200);
  });

  it("without any one of its parameters is refused, and with any of another link's", async () => {
    const [url, other] = await Promise.all(
      ["runs/model v1", "runs/model v2"].map(async (name) => new URL(await sign(name, "read"))),
    );
    for (const [name] of new URL(url ?? "").searchParams) {
      const without = new URL(url ?? "");
      without.searchParams.delete(name);
      expect([400, 403], name).toContain((await raw("GET", without)).status);
    }
    const mixed = new URL(url ?? "");
    mixed.searchParams.set("X-Goog-Signature", other?.searchParams.get("X-Goog-Signature") ?? "");
    expect((await raw("GET", mixed)).status).toBe(403);
  });

  it("to write is refused by any other method, and stores nothing by any alteration", async () => {
    const signed = new URL(await signWrite("runs/meddled"));
    for (const method of ["GET", "POST", "DELETE", "PATCH", "HEAD"]) {
      expect((await raw(method, signed, WRITE_HEADERS)).status, method).toBe(403);
    }
    const some = alterations(signed).filter((_, index) => index % 10 === 0);
    for (const url of some) expect([400, 403]).toContain((await raw("PUT", url, WRITE_HEADERS, "x")).status);
    expect(await exists("runs/meddled")).toBe(false);
  });

  it("without a signature is refused", async () => {
    const url = new URL(await sign("runs/model v1", "read"));
    await expectRefused(await fetch(`${url.origin}${url.pathname}`), 403, "AccessDenied");
  });

  it("that says it came to another host is refused", async () => {
    const url = new URL(await sign("runs/model v1", "read"));
    const status = await new Promise((resolve, reject) => {
      const asked = httpRequest(url, { headers: { host: "storage.googleapis.com" } }, (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      });
      asked.on("error", reject).end();
    });
    expect(status, "by the server itself, before it looks at the link").toBe(421);
  });

  it("is not mistaken for another by steps through its path", async () => {
    const url = new URL(await sign("runs/model v1", "read"));
    const path = `${url.pathname.replace("/runs/", "/runs/../runs/")}${url.search}`;
    const status = await new Promise((resolve, reject) => {
      const socket = connect(Number(url.port), url.hostname, () =>
        socket.write(`GET ${path} HTTP/1.1\r\nHost: ${url.host}\r\nConnection: close\r\n\r\n`),
      );
      socket.on("data", (data) => resolve(`${data}`.slice(9, 12))).on("error", reject);
    });
    expect(status).toBe("403");
  });
});

describe("a link to write", () => {
  it("creates one object, once", async () => {
    const url = await signWrite("runs/update 1");
    const answer = await put(url, "delta");
    expect(answer.status).toBe(200);
    expect(answer.headers.get("x-goog-hash")).toMatch(/^crc32c=.{6}==,md5=.{22}==$/);
    const [info] = await bucket.file("runs/update 1").getMetadata();
    expect(info).toMatchObject({
      size: "5",
      contentType: "application/octet-stream",
      generation: answer.headers.get("x-goog-generation"),
    });
    await expectRefused(await put(url, "other"), 412, "PreconditionFailed");
    expect((await bucket.file("runs/update 1").getMetadata())[0].generation).toBe(info.generation);
  });

  it("creates it once among ten at the same time", async () => {
    const url = await signWrite("runs/update race");
    const answers = await Promise.all(Array.from({ length: 10 }, (_, index) => put(url, `${index}`)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(9).fill(412)]);
  });

  it("takes as much as it says, to the byte", async () => {
    expect((await put(await signWrite("runs/full"), Buffer.alloc(MAX_BYTES))).status).toBe(200);
    const url = await signWrite("runs/over");
    await expectRefused(await put(url, Buffer.alloc(MAX_BYTES + 1)), 400, "EntityTooLarge");
    expect(await exists("runs/over")).toBe(false);
    expect((await put(url, "")).status).toBe(200);
  });

  it.each([MAX_BYTES + 1, 8 << 20])(
    "counts the %i bytes of a body that does not declare its length",
    async (sizeBytes) => {
      const url = await signWrite("runs/stream");
      const stream = new Blob([Buffer.alloc(sizeBytes)]).stream();
      const answer = await fetch(url, {
        method: "PUT",
        headers: WRITE_HEADERS,
        body: stream,
        duplex: "half",
      });
      await expectRefused(answer, 400, "EntityTooLarge");
      expect(await exists("runs/stream")).toBe(false);
    },
  );

  it("answers a much too large body before it is all there", async () => {
    const answer = await put(await signWrite("runs/huge"), Buffer.alloc(32 << 20));
    await expectRefused(answer, 400, "EntityTooLarge");
  });

  it("takes the rest of a body that it has refused, so that no sender is stuck", async () => {
    const url = new URL(await signWrite("runs/rest"));
    const chunk = Buffer.alloc(1 << 20);
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(Number(url.port), url.hostname, () => {
        socket.write(`${putHead(url)}Transfer-Encoding: chunked\r\n\r\n`);
        for (let count = 0; count < 32; count += 1) {
          socket.write(`${chunk.length.toString(16)}\r\n`);
          socket.write(chunk);
          socket.write("\r\n");
        }
        socket.end("0\r\n\r\n");
      });
      let received = "";
      socket.on("data", (data) => {
        received += data;
      });
      socket.on("close", () => resolve(received)).on("error", reject);
    });
    expect(answer).toMatch(/^HTTP\/1.1 400 /);
    expect(answer).toContain("EntityTooLarge");
  });

  it("can ask for a least size", async () => {
    const headers = { "x-goog-content-length-range": "3,5" };
    const url = await sign("runs/least", "write", headers);
    await expectRefused(await put(url, "ab", headers), 400, "EntityTooSmall");
    expect((await put(url, "abc", headers)).status).toBe(200);
  });

  it("with an invalid range is malformed", async () => {
    const headers = { "x-goog-content-length-range": "small" };
    await expectRefused(
      await put(await sign("runs/range", "write", headers), "x", headers),
      400,
      "MalformedSecurityHeader",
    );
  });

  it.each([
    ["another content type", { ...WRITE_HEADERS, "content-type": "text/html" }],
    ["another generation", { ...WRITE_HEADERS, "x-goog-if-generation-match": "1" }],
    ["a larger limit", { ...WRITE_HEADERS, "x-goog-content-length-range": "0,999999999" }],
    ["a header on top", { ...WRITE_HEADERS, "x-goog-meta-owner": "me" }],
  ])("refuses %s", async (_what, headers) => {
    await expectRefused(
      await put(await signWrite("runs/altered"), "x", headers),
      403,
      "SignatureDoesNotMatch",
    );
    expect(await exists("runs/altered")).toBe(false);
  });

  it.each(Object.keys(WRITE_HEADERS))("refuses a request without its %s", async (name) => {
    const headers = Object.fromEntries(Object.entries(WRITE_HEADERS).filter(([key]) => key !== name));
    // A typed array has no content type of its own, where a string would bring one.
    const answer = await put(await signWrite("runs/without"), new Uint8Array(1), headers);
    await expectRefused(answer, 400, "MalformedSecurityHeader");
    expect(await exists("runs/without")).toBe(false);
  });

  it("does not read", async () => {
    await bucket.file("runs/secret").save("s", { resumable: false });
    const answer = await fetch(await signWrite("runs/secret"), { headers: WRITE_HEADERS });
    await expectRefused(answer, 403, "SignatureDoesNotMatch");
  });

  it("checks the digests that come with the content, and keeps nothing of what fails", async () => {
    const before = await files();
    const headers = { "x-goog-hash": "md5=1B2M2Y8AsgTpgAmY7PhCfg==" };
    const url = await sign("runs/digest", "write", headers);
    await expectRefused(await put(url, "x", headers), 400, "BadDigest");
    const plain = await sign("runs/digest", "write");
    await expectRefused(await put(plain, "x", { "content-md5": "AAAA" }), 400, "BadDigest");
    expect(await exists("runs/digest")).toBe(false);
    expect(await files()).toBe(before);
  });

  it("stores nothing of an upload that breaks off, not even on disk", async () => {
    const before = await files();
    const url = new URL(await signWrite("runs/broken"));
    await new Promise<void>((resolve, reject) => {
      const socket = connect(Number(url.port), url.hostname, () => {
        socket.write(`${putHead(url)}Content-Length: 900\r\n\r\n${"x".repeat(400)}`, () => socket.end());
      });
      socket
        .resume()
        .on("close", () => resolve())
        .on("error", reject);
    });
    await expect.poll(files).toBe(before);
    expect(await exists("runs/broken")).toBe(false);
  });

  it("keeps the metadata that was signed", async () => {
    const headers = { "x-goog-meta-round": "7" };
    await put(await sign("runs/meta", "write", headers), "x", headers);
    expect((await bucket.file("runs/meta").getMetadata())[0].metadata).toEqual({ round: "7" });
  });
});

describe("the signer's own rights bound a link", () => {
  it.each([
    ["read", "private/x", 403],
    ["write", "private/x", 403],
    ["write", "public/x", 403],
    ["read", "public/x", 404],
    ["delete", "public/x", 403],
    ["delete", "runs/none", 404],
  ] as const)("%s of %s is %i", async (action, name, status) => {
    const method = { read: "GET", write: "PUT", delete: "DELETE" }[action];
    expect((await fetch(await sign(name, action), { method })).status).toBe(status);
  });

  it("a link to delete deletes", async () => {
    await bucket.file("runs/old").save("x", { resumable: false });
    expect((await fetch(await sign("runs/old", "delete"), { method: "DELETE" })).status).toBe(204);
    expect(await exists("runs/old")).toBe(false);
  });
});

/** The link with each character of its path and of each parameter's value changed, one at a time. */
function alterations(link: URL): URL[] {
  const other = (character: string) =>
    /[0-8]/.test(character) ? String(Number(character) + 1) : character === "a" ? "b" : "a";
  const changed = (text: string, at: number) =>
    `${text.slice(0, at)}${other(text.charAt(at))}${text.slice(at + 1)}`;
  const altered: URL[] = [];
  for (let at = 1; at < link.pathname.length; at++) {
    const url = new URL(link);
    url.pathname = changed(link.pathname, at);
    altered.push(url);
  }
  for (const [name, value] of link.searchParams) {
    for (let at = 0; at < value.length; at++) {
      const url = new URL(link);
      url.searchParams.set(name, changed(value, at));
      altered.push(url);
    }
  }
  return altered;
}

/** A request whose path goes over the wire as it stands. */
function raw(
  method: string,
  url: URL,
  headers: Readonly<Record<string, string>> = {},
  body?: string,
): Promise<{ readonly status: number | undefined }> {
  return new Promise((resolve, reject) => {
    const asked = httpRequest(url, { method, headers: { ...headers } }, (answer) => {
      answer.resume().on("end", () => resolve({ status: answer.statusCode }));
    });
    asked.on("error", reject).end(body);
  });
}

/** The head of a PUT as it goes over the wire, but for how its body is framed. */
function putHead(url: URL): string {
  const headers = Object.entries(WRITE_HEADERS).map(([name, value]) => `${name}: ${value}\r\n`);
  return `PUT ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${url.host}\r\n${headers.join("")}`;
}

function lastSecond(date: string): string {
  return date.replace(/.Z$/, (end) => (end === "9Z" ? "8Z" : "9Z"));
}
