// The local Cloud Storage as the unmodified official client and plain HTTP requests see its JSON API.
import { EventEmitter } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Bucket, type File, Storage } from "@google-cloud/storage";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type MetadataService, startMetadata } from "../../infra/box/metadata/startMetadata.ts";
import type { Grant } from "../../infra/box/storage/access.ts";
import { type StorageService, startStorage } from "../../infra/box/storage/startStorage.ts";

const ADMIN = "admin@demo.iam.gserviceaccount.com";
const WRITER = "writer@demo.iam.gserviceaccount.com";
const CREATOR = "creator@demo.iam.gserviceaccount.com";
const READER = "reader@demo.iam.gserviceaccount.com";
const NOBODY = "client@demo.iam.gserviceaccount.com";
const GRANTS: Grant[] = [
  { member: ADMIN, bucket: "models", role: "admin" },
  { member: ADMIN, bucket: "second", role: "admin" },
  { member: WRITER, bucket: "models", prefix: "runs/", role: "writer" },
  { member: CREATOR, bucket: "models", prefix: "runs/", role: "creator" },
  { member: READER, bucket: "models", prefix: "runs/", role: "reader" },
];

let metadata: MetadataService;
let storage: StorageService;
let dataDir: string;
let client: Storage;
let bucket: Bucket;
const environment = { ...process.env };
const { defaultMaxListeners } = EventEmitter;

beforeAll(async () => {
  // The client hangs eleven listeners on each download, and Node would warn of a leak.
  EventEmitter.defaultMaxListeners = 20;
  dataDir = await mkdtemp(join(tmpdir(), "storage-test-"));
  metadata = await startMetadata({ projectId: "demo" });
  storage = await startStorage({
    identities: metadata.identities,
    grants: GRANTS,
    buckets: ["models"],
    dataDir,
  });
  Object.assign(process.env, await metadata.identityEnv(ADMIN));
  client = new Storage({
    apiEndpoint: storage.endpoint,
    projectId: "demo",
    useAuthWithCustomEndpoint: true,
  });
  bucket = client.bucket("models");
});
afterAll(async () => {
  await storage.stop();
  await metadata.stop();
  await rm(dataDir, { recursive: true });
  process.env = environment;
  EventEmitter.defaultMaxListeners = defaultMaxListeners;
});

const as = (email: string) => ({
  authorization: `Bearer ${metadata.identities.accessToken(email).token}`,
});
const api = (path: string, email = ADMIN, init: RequestInit = {}) =>
  fetch(`${storage.endpoint}${path}`, { ...init, headers: { ...as(email), ...init.headers } });
const media = (path: string, email = ADMIN, headers: Record<string, string> = {}) =>
  api(`/storage/v1/b/models/o/${encodeURIComponent(path)}?alt=media`, email, { headers });
const save = (name: string, content: string | Buffer, options = {}) =>
  bucket.file(name).save(content, { resumable: false, ...options });
const statusOf = async (call: Promise<unknown>) =>
  call.then(
    () => 200,
    (error: { code?: unknown }) => error.code,
  );

describe("objects", () => {
  it.each(["plain.bin", "runs/a/b c.bin", "ü/%2F+?&#.bin", "a//b/./..", "😀", "x".repeat(1024)])(
    "come back as they were saved under %s",
    async (name) => {
      await save(name, Buffer.from([0, 255, 13, 10]), {
        metadata: { contentType: "application/x", metadata: { round: "1" } },
      });
      const [content] = await bucket.file(name).download();
      expect(content).toEqual(Buffer.from([0, 255, 13, 10]));
      const [info] = await bucket.file(name).getMetadata();
      expect(info).toMatchObject({
        name,
        size: "4",
        contentType: "application/x",
        metadata: { round: "1" },
        metageneration: "1",
        bucket: "models",
        crc32c: expect.stringMatching(/^.{6}==$/),
        md5Hash: expect.stringMatching(/^.{22}==$/),
        generation: expect.stringMatching(/^\d+$/),
      });
      await bucket.file(name).delete();
      expect(await bucket.file(name).exists()).toEqual([false]);
    },
  );

  it("may be empty", async () => {
    await save("empty", "");
    expect((await bucket.file("empty").download())[0]).toHaveLength(0);
    expect((await bucket.file("empty").getMetadata())[0]).toMatchObject({ size: "0", crc32c: "AAAAAA==" });
  });

  it("have the checksums that the definition gives", async () => {
    await save("check", "123456789");
    const [info] = await bucket.file("check").getMetadata();
    const crc = Buffer.from(info.crc32c ?? "", "base64").readUInt32BE();
    expect(crc.toString(16)).toBe("e3069283");
    expect(Buffer.from(info.md5Hash ?? "", "base64").toString("hex")).toBe(
      "25f9e794323b453885f5181f1b624d0b",
    );
  });

  it("get a larger generation with each write, and are replaced whole", async () => {
    await save("again", "first, and longer");
    const [first] = await bucket.file("again").getMetadata();
    await save("again", "second");
    const [second] = await bucket.file("again").getMetadata();
    expect(Number(second.generation)).toBeGreaterThan(Number(first.generation));
    expect(`${(await bucket.file("again").download())[0]}`).toBe("second");
    const old = bucket.file("again", { generation: Number(first.generation) });
    expect(await statusOf(old.getMetadata())).toBe(404);
  });

  it.each(["", "\n"])("cannot be called %j", async (name) => {
    const answer = await api(
      `/upload/storage/v1/b/models/o?uploadType=media&name=${encodeURIComponent(name)}`,
      ADMIN,
      { method: "POST", body: "x" },
    );
    expect(answer.status).toBe(400);
  });

  it("cannot have a name of more than 1024 bytes", async () => {
    expect(await statusOf(save("ü".repeat(513), "x"))).toBe(400);
  });

  it("keep serving a download that began before they were replaced", async () => {
    const content = Buffer.alloc(8 << 20, 1);
    await save("served", content);
    const answer = await media("served");
    const reader = answer.body?.getReader();
    let sizeBytes = (await reader?.read())?.value?.byteLength ?? 0;
    await save("served", "new");
    for (let next = await reader?.read(); next?.value !== undefined; next = await reader?.read())
      sizeBytes += next.value.byteLength;
    expect(sizeBytes).toBe(content.length);
  });

  it("leave no content on disk once deleted or replaced", async () => {
    await save("gone", "1");
    await save("gone", "2");
    await bucket.file("gone").delete();
    const files = async () => (await readdir(dataDir, { recursive: true })).length;
    const objects = (await bucket.getFiles())[0].length;
    await expect.poll(files).toBe(objects + 1);
  });

  it("change their attributes by patch", async () => {
    await save("patched", "x", { metadata: { contentType: "a/b", metadata: { keep: "1", drop: "2" } } });
    await bucket
      .file("patched")
      .setMetadata({ cacheControl: "no-cache", metadata: { drop: null, add: "3" } });
    const [info] = await bucket.file("patched").getMetadata();
    expect(info).toMatchObject({
      contentType: "a/b",
      cacheControl: "no-cache",
      metageneration: "2",
      metadata: { keep: "1", add: "3" },
    });
    expect(info.metadata).not.toHaveProperty("drop");
  });

  it("are composed of others, in order", async () => {
    await Promise.all(["1", "2", "3"].map((part) => save(`part/${part}`, part.repeat(3))));
    const parts = ["3", "1", "2"].map((part) => bucket.file(`part/${part}`));
    await bucket.combine(parts, bucket.file("whole"));
    expect(`${(await bucket.file("whole").download())[0]}`).toBe("333111222");
    const [info] = await bucket.file("whole").getMetadata();
    expect(info.componentCount).toBe(3);
    expect(info).not.toHaveProperty("md5Hash");
  });

  it("that are not there are 404, in the shapes that Google gives", async () => {
    expect(await statusOf(bucket.file("none").getMetadata())).toBe(404);
    expect(await statusOf(bucket.file("none").download())).toBe(404);
    expect(await statusOf(bucket.file("none").delete())).toBe(404);
    expect(await statusOf(bucket.file("none").delete({ ignoreNotFound: true }))).toBe(200);
    const answer = await api("/storage/v1/b/models/o/none");
    expect(await answer.json()).toEqual({
      error: {
        code: 404,
        message: "No such object: models/none",
        errors: [{ domain: "global", reason: "notFound", message: "No such object: models/none" }],
      },
    });
    expect(await (await media("none")).text()).toBe("No such object: models/none");
  });
});

describe("preconditions", () => {
  it("let only one of ten create an object", async () => {
    const statuses = await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        statusOf(save("race", `${index}`, { preconditionOpts: { ifGenerationMatch: 0 } })),
      ),
    );
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    expect(statuses.filter((status) => status === 412)).toHaveLength(9);
  });

  it("hold writes, deletions and reads to a generation", async () => {
    await save("held", "1");
    const [{ generation }] = await bucket.file("held").getMetadata();
    const match = (value: unknown) => ({ preconditionOpts: { ifGenerationMatch: value } });
    expect(await statusOf(save("held", "2", match(1)))).toBe(412);
    expect(await statusOf(bucket.file("held").delete({ ifGenerationMatch: 1 }))).toBe(412);
    expect(await statusOf(save("held", "2", match(generation)))).toBe(200);
    expect(await statusOf(save("held", "3", match(generation)))).toBe(412);
    expect((await api(`/storage/v1/b/models/o/held?ifGenerationMatch=${generation}`)).status).toBe(412);
    expect((await api(`/storage/v1/b/models/o/held?ifMetagenerationMatch=2`)).status).toBe(412);
    expect((await api(`/storage/v1/b/models/o/held?ifMetagenerationNotMatch=1`)).status).toBe(304);
    expect((await api(`/storage/v1/b/models/o/held?ifGenerationMatch=x`)).status).toBe(400);
    expect(`${(await bucket.file("held").download())[0]}`).toBe("2");
  });
});

describe("downloads", () => {
  const content = Buffer.from("0123456789");
  beforeAll(() => save("digits", content));

  it.each([
    ["bytes=0-0", 206, "0", "bytes 0-0/10"],
    ["bytes=3-5", 206, "345", "bytes 3-5/10"],
    ["bytes=7-", 206, "789", "bytes 7-9/10"],
    ["bytes=8-99", 206, "89", "bytes 8-9/10"],
    ["bytes=-3", 206, "789", "bytes 7-9/10"],
    ["bytes=-99", 206, "0123456789", "bytes 0-9/10"],
    ["bytes=10-", 416, undefined, "bytes */10"],
    ["bytes=-0", 416, undefined, "bytes */10"],
    ["bytes=5-3", 200, "0123456789", null],
    ["bytes=0-1,3-4", 200, "0123456789", null],
    ["lines=1-2", 200, "0123456789", null],
  ])("of %s give %i", async (range, status, body, contentRange) => {
    const answer = await media("digits", ADMIN, { range });
    expect(answer.status).toBe(status);
    expect(answer.headers.get("content-range")).toBe(contentRange);
    if (body !== undefined) expect(await answer.text()).toBe(body);
    else await answer.body?.cancel();
  });

  it("carry the checksums, and the client notices a damaged content", async () => {
    const answer = await media("digits");
    expect(answer.headers.get("x-goog-hash")).toMatch(/^crc32c=.{6}==,md5=.{22}==$/);
    expect(answer.headers.get("x-goog-stored-content-length")).toBe("10");
    // Too large for the memory of those written of late.
    const large = Buffer.alloc(5 << 20, "digits");
    await save("large", large);
    const [folder = ""] = await readdir(dataDir);
    for (const file of await readdir(join(dataDir, folder))) {
      const path = join(dataDir, folder, file);
      if (large.equals(await readFile(path))) await writeFile(path, Buffer.alloc(5 << 20, "Digits"));
    }
    expect(await statusOf(bucket.file("large").download())).toBe("CONTENT_DOWNLOAD_MISMATCH");
  });

  it("outlive a caller who leaves in the middle", async () => {
    await save("long", Buffer.alloc(16 << 20));
    const stop = new AbortController();
    const answer = await fetch(`${storage.endpoint}/storage/v1/b/models/o/long?alt=media`, {
      headers: as(ADMIN),
      signal: stop.signal,
    });
    await answer.body?.getReader().read();
    stop.abort();
    expect((await bucket.file("long").getMetadata())[0].size).toBe(`${16 << 20}`);
  });
});

describe("listing", () => {
  beforeAll(async () => {
    for (const name of ["a/1", "a/2", "a/b/1", "a/b/2", "a/c", "d"]) await save(`list/${name}`, name);
  });

  it("pages through everything below a prefix", async () => {
    const pages: string[][] = [];
    let query: object | null = { prefix: "list/", maxResults: 4, autoPaginate: false };
    while (query !== null) {
      const [files, next]: [File[], object | null, unknown] = await bucket.getFiles(query);
      pages.push(files.map(({ name }) => name.slice(5)));
      query = next;
    }
    expect(pages).toEqual([
      ["a/1", "a/2", "a/b/1", "a/b/2"],
      ["a/c", "d"],
    ]);
  });

  it("groups by a delimiter", async () => {
    const answer = await api("/storage/v1/b/models/o?prefix=list/a/&delimiter=/");
    const page = (await answer.json()) as { items: { name: string }[]; prefixes: string[] };
    expect(page.items.map(({ name }) => name)).toEqual(["list/a/1", "list/a/2", "list/a/c"]);
    expect(page.prefixes).toEqual(["list/a/b/"]);
  });

  it.each(["0", "-1", "1.5", "x"])("refuses %s results a page", async (count) => {
    expect((await api(`/storage/v1/b/models/o?maxResults=${count}`)).status).toBe(400);
  });
});

describe("rights", () => {
  const put = (email: string, name: string) =>
    api(`/upload/storage/v1/b/models/o?uploadType=media&name=${encodeURIComponent(name)}`, email, {
      method: "POST",
      body: "x",
    });
  const object = (name: string) => `/storage/v1/b/models/o/${encodeURIComponent(name)}`;

  it.each([
    ["no token", {}],
    ["an unknown token", { authorization: "Bearer nonsense" }],
    ["another scheme", { authorization: "Basic eDp5" }],
  ])("are refused with %s", async (_what, headers) => {
    const answer = await fetch(`${storage.endpoint}${object("runs/x")}`, { headers });
    expect(answer.status).toBe(401);
    expect(await answer.json()).toMatchObject({ error: { code: 401 } });
  });

  it("do not exist for an account without a grant, whether or not the object exists", async () => {
    await put(ADMIN, "runs/r");
    for (const path of [object("runs/r"), object("none"), "/storage/v1/b/models/o", "/storage/v1/b/models"])
      expect((await api(path, NOBODY)).status).toBe(403);
    expect((await media("runs/r", NOBODY)).status).toBe(403);
    expect((await put(NOBODY, "runs/new")).status).toBe(403);
    expect((await api(object("runs/r"), NOBODY, { method: "DELETE" })).status).toBe(403);
    expect((await api(object("runs/new"))).status).toBe(404);
  });

  it("reach as far as a grant's prefix and role", async () => {
    expect((await put(WRITER, "runs/w")).status).toBe(200);
    expect((await put(WRITER, "other/w")).status).toBe(403);
    expect((await media("runs/w", READER)).status).toBe(200);
    expect((await put(READER, "runs/w")).status).toBe(403);
    expect((await api(object("runs/w"), READER, { method: "PATCH", body: "{}" })).status).toBe(403);
    expect((await api("/storage/v1/b/models/o?prefix=runs/", READER)).status).toBe(200);
    expect((await api("/storage/v1/b/models/o?prefix=run", READER)).status).toBe(403);
    expect((await api("/storage/v1/b/models", WRITER, { method: "DELETE" })).status).toBe(403);
  });

  it("to create do not allow replacing", async () => {
    const signed = async (name: string) => (await put(CREATOR, name)).status;
    expect(await signed("runs/created")).toBe(200);
    expect(await signed("runs/created"), "it is there now").toBe(403);
    expect((await api(object("runs/created"), CREATOR, { method: "DELETE" })).status).toBe(403);
    expect((await media("runs/created", CREATOR)).status).toBe(200);
    expect((await put(WRITER, "runs/created")).status).toBe(200);
  });

  it("are needed for every part of a whole", async () => {
    await put(ADMIN, "secret");
    const body = JSON.stringify({ sourceObjects: [{ name: "runs/w" }, { name: "secret" }] });
    const compose = await api(`${object("runs/whole")}/compose`, WRITER, { method: "POST", body });
    expect(compose.status).toBe(403);
  });
});

describe("buckets", () => {
  it("are created, found, listed and deleted", async () => {
    expect(await client.bucket("second").exists()).toEqual([false]);
    await client.createBucket("second");
    expect(await statusOf(client.createBucket("second"))).toBe(409);
    expect(await client.bucket("second").exists()).toEqual([true]);
    expect((await client.getBuckets())[0].map(({ name }) => name)).toEqual(["models", "second"]);
    await client.bucket("second").file("x").save("x", { resumable: false });
    expect(await statusOf(client.bucket("second").delete())).toBe(409);
    await client.bucket("second").file("x").delete();
    await client.bucket("second").delete();
    expect(await statusOf(client.bucket("second").file("x").save("x", { resumable: false }))).toBe(404);
  });

  it("need a grant and a proper name", async () => {
    expect(await statusOf(client.createBucket("third"))).toBe(403);
    await expect(
      startStorage({ identities: metadata.identities, grants: [], buckets: ["UPPER"], dataDir }),
    ).rejects.toThrow("Invalid bucket name");
  });
});

describe("what it does not know", () => {
  it.each([
    ["POST", "/storage/v1/b/models/o/x/nonsense", 501],
    ["PUT", "/storage/v1/b/models/o/x", 501],
    ["POST", "/storage/v1/b/models/o/x/rewriteTo/b/models/o/y", 501],
    ["POST", "/storage/v1/b/models/o/x/copyTo/b/models/o/y", 501],
    ["GET", "/storage/v1/b/models/iam", 501],
    ["GET", "/storage/v1/b/models/o/%FF", 400],
    ["GET", "/", 501],
    ["GET", "/models", 501],
    ["POST", "/storage/v1/b", 400],
  ])("%s %s is %i", async (method, path, status) => {
    expect((await api(path, ADMIN, { method })).status).toBe(status);
  });
});

describe("its life", () => {
  it("leaves no folder and no port behind", async () => {
    const own = await mkdtemp(join(tmpdir(), "storage-life-"));
    const service = await startStorage({
      identities: metadata.identities,
      grants: GRANTS,
      buckets: ["models"],
      dataDir: own,
    });
    expect(service.env).toEqual({ STORAGE_API_ENDPOINT: service.endpoint });
    const url = `${service.endpoint}/upload/storage/v1/b/models/o?uploadType=media&name=x`;
    expect((await fetch(url, { method: "POST", headers: as(ADMIN), body: "x" })).status).toBe(200);
    expect(await readdir(own)).toHaveLength(1);
    await Promise.all([service.stop(), service.stop()]);
    expect(await readdir(own)).toEqual([]);
    await expect(fetch(url)).rejects.toThrow();
    await rm(own, { recursive: true });
  });

  it("rejects when its port is taken, and leaves no folder either", async () => {
    const own = await mkdtemp(join(tmpdir(), "storage-port-"));
    const port = Number(storage.address.split(":")[1]);
    const options = { identities: metadata.identities, grants: [], dataDir: own };
    await expect(startStorage({ ...options, port })).rejects.toMatchObject({ code: "EADDRINUSE" });
    expect(await readdir(own)).toEqual([]);
    await rm(own, { recursive: true });
  });
});
