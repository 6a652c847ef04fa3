// Uploads to the local Cloud Storage: multipart bodies however they are cut, resumable sessions however they
// break.
import { connect } from "node:net";
import { type Bucket, Storage } from "@google-cloud/storage";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type MetadataService, startMetadata } from "../../infra/box/metadata/startMetadata.ts";
import { parseMultipartRelated } from "../../infra/box/storage/multipartRelated.ts";
import { type StorageService, startStorage } from "../../infra/box/storage/startStorage.ts";

const EMAIL = "writer@demo.iam.gserviceaccount.com";
const KIB_256 = 262_144;

let metadata: MetadataService;
let storage: StorageService;
let bucket: Bucket;
const environment = { ...process.env };

beforeAll(async () => {
  metadata = await startMetadata({ projectId: "demo" });
  storage = await startStorage({
    identities: metadata.identities,
    grants: [{ member: EMAIL, bucket: "models", role: "writer" }],
    buckets: ["models"],
  });
  Object.assign(process.env, await metadata.identityEnv(EMAIL));
  bucket = new Storage({
    apiEndpoint: storage.endpoint,
    projectId: "demo",
    useAuthWithCustomEndpoint: true,
  }).bucket("models");
});
afterAll(async () => {
  await storage.stop();
  await metadata.stop();
  process.env = environment;
});

const authorization = () => `Bearer ${metadata.identities.accessToken(EMAIL).token}`;
const upload = (query: string, init: RequestInit) =>
  fetch(`${storage.endpoint}/upload/storage/v1/b/models/o?${query}`, {
    ...init,
    headers: { authorization: authorization(), ...init.headers },
  });

async function startSession(name: string, attributes: object = {}, query = ""): Promise<string> {
  const answer = await upload(`uploadType=resumable&name=${encodeURIComponent(name)}${query}`, {
    method: "POST",
    body: JSON.stringify(attributes),
  });
  expect(answer.status).toBe(200);
  return answer.headers.get("location") ?? "";
}
const send = (uri: string, contentRange: string, body?: Uint8Array<ArrayBuffer> | string) =>
  fetch(uri, {
    method: "PUT",
    headers: { "content-range": contentRange },
    ...(body === undefined ? {} : { body }),
  });
const content = async (name: string) => Buffer.from(await (await get(name, "?alt=media")).arrayBuffer());
const get = (name: string, query = "") =>
  fetch(`${storage.endpoint}/storage/v1/b/models/o/${encodeURIComponent(name)}${query}`, {
    headers: { authorization: authorization() },
  });

describe("a multipart body", () => {
  const body = (json: string, bytes: Uint8Array, boundary: string) =>
    Buffer.concat([
      Buffer.from(`--${boundary}\r\nContent-Type: application/json\r\n\r\n${json}\r\n`),
      Buffer.from(`--${boundary}\r\nContent-Type: application/x\r\n\r\n`),
      bytes,
      Buffer.from(`\r\n--${boundary}--`),
    ]);

  async function* cut(bytes: Buffer, sizes: readonly number[]) {
    let at = 0;
    for (let index = 0; at < bytes.length; index += 1) {
      const size = sizes[index % sizes.length] ?? 1;
      yield bytes.subarray(at, at + size);
      at += size;
    }
  }

  it("gives back its parts however it is cut", async () => {
    // Bytes that look like line breaks, dashes and the boundary itself are the hard ones.
    const bytes = fc
      .array(fc.constantFrom("\r\n", "-", "--", "B", "\r\n--", "\r\n--B", "x", "\0"), { maxLength: 20 })
      .map((parts) => Buffer.from(parts.join("")))
      .filter((candidate) => !candidate.includes("\r\n--BOUND"));
    const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(bytes, sizes, fc.boolean(), async (expected, cuts, lineBreakAtEnd) => {
        const whole = Buffer.concat([
          body('{"name":"n"}', expected, "BOUND"),
          Buffer.from(lineBreakAtEnd ? "\r\n" : ""),
        ]);
        const parts = await parseMultipartRelated(cut(whole, cuts), 'multipart/related; boundary="BOUND"');
        expect(parts.attributes).toEqual({ name: "n" });
        expect(parts.contentType).toBe("application/x");
        const chunks: Uint8Array[] = [];
        for await (const chunk of parts.content) chunks.push(chunk);
        expect(Buffer.concat(chunks).equals(expected)).toBe(true);
      }),
    );
  });

  const related = { "content-type": "multipart/related; boundary=B" };
  it.each([
    ["no boundary", {}, body("{}", Buffer.from("x"), "B")],
    ["another boundary", related, body("{}", Buffer.from("x"), "C")],
    ["no end", related, body("{}", Buffer.from("x"), "B").subarray(0, -3)],
    ["one part", related, Buffer.from("--B\r\n\r\n{}\r\n--B--")],
    ["no JSON", related, body("nonsense", Buffer.from("x"), "B")],
    ["a list for attributes", related, body("[]", Buffer.from("x"), "B")],
    ["a number for a content type", related, body('{"contentType":1}', Buffer.from("x"), "B")],
    ["a wrong checksum", related, body('{"crc32c":"AAAAAA=="}', Buffer.from("x"), "B")],
    ["nothing", related, Buffer.alloc(0)],
  ])("with %s stores nothing", async (_what, headers, bytes) => {
    const answer = await upload("uploadType=multipart&name=refused", {
      method: "POST",
      headers,
      body: bytes,
    });
    expect(answer.status).toBe(400);
    expect((await get("refused")).status).toBe(404);
  });

  it("may name the object itself", async () => {
    const bytes = body('{"name":"named/within","metadata":{"a":"1"}}', Buffer.from("x"), "B");
    const answer = await upload("uploadType=multipart", { method: "POST", headers: related, body: bytes });
    expect(await answer.json()).toMatchObject({
      name: "named/within",
      contentType: "application/x",
      metadata: { a: "1" },
    });
  });

  it("needs a name from somewhere", async () => {
    const bytes = body("{}", Buffer.from("x"), "B");
    const answer = await upload("uploadType=multipart", { method: "POST", headers: related, body: bytes });
    expect(answer.status).toBe(400);
  });
});

describe("a resumable session", () => {
  it("takes a content in chunks from the official client", async () => {
    const bytes = Buffer.alloc(2.5 * KIB_256, "resumable ");
    const uri = await startSession("chunks", { contentType: "application/x" });
    await new Promise<void>((resolve, reject) => {
      const stream = bucket.file("chunks").createWriteStream({ uri, chunkSize: KIB_256, resumable: true });
      stream.on("finish", () => resolve()).on("error", reject);
      stream.end(bytes);
    });
    expect((await content("chunks")).equals(bytes)).toBe(true);
    expect(await (await get("chunks")).json()).toMatchObject({ contentType: "application/x" });
  });

  it("takes a content of unknown length in one piece from the official client", async () => {
    const uri = await startSession("one");
    await bucket.file("one").save("in one piece", { uri, resumable: true });
    expect(`${await content("one")}`).toBe("in one piece");
  });

  it("tells how much it has, and goes on from there", async () => {
    const uri = await startSession("steps");
    const nothing = await send(uri, "bytes */*");
    expect([nothing.status, nothing.headers.get("range")]).toEqual([308, null]);
    const first = await send(uri, "bytes 0-3/*", "0123");
    expect([first.status, first.headers.get("range")]).toEqual([308, "bytes=0-3"]);
    const asked = await send(uri, "bytes */10");
    expect([asked.status, asked.headers.get("range")]).toEqual([308, "bytes=0-3"]);
    expect((await get("steps")).status).toBe(404);
    const last = await send(uri, "bytes 4-9/10", "456789");
    expect([last.status, await last.json()]).toMatchObject([200, { size: "10" }]);
    expect(`${await content("steps")}`).toBe("0123456789");
  });

  it("takes bytes again that it has already, and refuses to leave some out", async () => {
    const uri = await startSession("overlap");
    await send(uri, "bytes 0-3/*", "0123");
    expect((await send(uri, "bytes 6-9/10", "6789")).status).toBe(400);
    expect((await send(uri, "bytes 2-9/10", "23456789")).status).toBe(200);
    expect(`${await content("overlap")}`).toBe("0123456789");
  });

  it("gives the same answer when the last piece is sent again", async () => {
    const uri = await startSession("twice");
    const first = await send(uri, "bytes 0-2/3", "abc");
    const again = await send(uri, "bytes 0-2/3", "abc");
    const asked = await send(uri, "bytes */*");
    const { generation } = (await first.json()) as { generation: string };
    expect(await again.json()).toMatchObject({ generation });
    expect(await asked.json()).toMatchObject({ generation });
  });

  it("survives a connection that drops in the middle", async () => {
    const uri = new URL(await startSession("dropped"));
    const whole = Buffer.from(Uint32Array.from({ length: 50_000 }, (_, index) => index).buffer);
    await new Promise<void>((resolve, reject) => {
      const socket = connect(Number(uri.port), uri.hostname, () => {
        socket.write(
          `PUT ${uri.pathname}${uri.search} HTTP/1.1\r\nHost: ${uri.host}\r\n` +
            "Content-Range: bytes 0-199999/200000\r\nContent-Length: 200000\r\n\r\n",
        );
        socket.write(whole.subarray(0, 100_000), () => socket.end());
      });
      socket
        .resume()
        .on("close", () => resolve())
        .on("error", reject);
    });
    const heldBytes = async () => {
      const range = (await send(uri.href, "bytes */*")).headers.get("range") ?? "bytes=0--1";
      return Number(range.replace("bytes=0-", "")) + 1;
    };
    await expect.poll(heldBytes).toBeGreaterThan(0);
    const held = await heldBytes();
    expect(held).toBeLessThanOrEqual(100_000);
    expect((await get("dropped")).status).toBe(404);
    const rest = whole.subarray(held);
    expect((await send(uri.href, `bytes ${held}-199999/200000`, rest)).status).toBe(200);
    expect((await content("dropped")).equals(whole)).toBe(true);
  });

  it("holds to its precondition at the start and at the end", async () => {
    const uri = await startSession("guarded", {}, "&ifGenerationMatch=0");
    await bucket.file("guarded").save("faster", { resumable: false });
    const late = await send(uri, "bytes 0-0/1", "x");
    expect(late.status).toBe(412);
    expect((await send(uri, "bytes */*")).status).toBe(404);
    const start = await upload("uploadType=resumable&name=guarded&ifGenerationMatch=0", { method: "POST" });
    expect(start.status).toBe(412);
    expect(`${await content("guarded")}`).toBe("faster");
  });

  it("refuses a content that is not what was announced", async () => {
    const uri = await startSession("digest", { crc32c: "AAAAAA==" });
    expect((await send(uri, "bytes 0-0/1", "x")).status).toBe(400);
    expect((await get("digest")).status).toBe(404);
  });

  it("can be given up", async () => {
    const uri = await startSession("given-up");
    await send(uri, "bytes 0-3/*", "0123");
    expect((await fetch(uri, { method: "DELETE" })).status).toBe(499);
    expect((await send(uri, "bytes */*")).status).toBe(404);
  });

  it.each(["bytes", "bytes 1-0", "lines 0-1/2", "bytes a-b/c"])("does not understand %j", async (range) => {
    expect((await send(await startSession("range"), range, "x")).status).toBe(400);
  });
});

describe("a media upload", () => {
  it("stores the body under the name in the query", async () => {
    const answer = await upload("uploadType=media&name=media", {
      method: "POST",
      headers: { "content-type": "text/plain" },
      body: "as it is",
    });
    expect(await answer.json()).toMatchObject({ name: "media", contentType: "text/plain", size: "8" });
  });

  it("is refused when its hash is another one", async () => {
    const headers = { "x-goog-hash": "crc32c=AAAAAA==" };
    const answer = await upload("uploadType=media&name=bad", { method: "POST", headers, body: "x" });
    expect(answer.status).toBe(400);
  });

  it("of an unknown type is refused", async () => {
    expect((await upload("uploadType=floppy&name=x", { method: "POST" })).status).toBe(400);
  });
});
