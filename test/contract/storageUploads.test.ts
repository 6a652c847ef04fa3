// Uploads to the local Cloud Storage: multipart bodies however they are cut, and contents as they are.
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type MetadataService, startMetadata } from "../../infra/box/metadata/startMetadata.ts";
import { parseMultipartRelated } from "../../infra/box/storage/multipartRelated.ts";
import { type StorageService, startStorage } from "../../infra/box/storage/startStorage.ts";

const EMAIL = "writer@demo.iam.gserviceaccount.com";

let metadata: MetadataService;
let storage: StorageService;
beforeAll(async () => {
  metadata = await startMetadata({ projectId: "demo" });
  storage = await startStorage({
    identities: metadata.identities,
    grants: [{ member: EMAIL, bucket: "models", role: "writer" }],
    buckets: ["models"],
  });
});
afterAll(async () => {
  await storage.stop();
  await metadata.stop();
});

const authorization = () => `Bearer ${metadata.identities.accessToken(EMAIL).token}`;
const upload = (query: string, init: RequestInit) =>
  fetch(`${storage.endpoint}/upload/storage/v1/b/models/o?${query}`, {
    ...init,
    headers: { authorization: authorization(), ...init.headers },
  });

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

  it("in a resumable session is refused, as something that there is not", async () => {
    const answer = await upload("uploadType=resumable&name=x", { method: "POST" });
    expect([answer.status, await answer.json()]).toMatchObject([501, { error: { code: 501 } }]);
  });

  it("of an unknown type is refused", async () => {
    expect((await upload("uploadType=floppy&name=x", { method: "POST" })).status).toBe(400);
  });
});
