// What an instance of the client function keeps of the objects that it reads: asked of a server that counts.
import { createServer } from "node:http";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { keepingObjects } from "../../functions/client/keptObjects.ts";
import { downloadUnlessSame } from "../../functions/client/links.ts";
import { close, listen } from "../../infra/box/metadata/listen.ts";

const MAX_KEPT_BYTES = 16 * 2 ** 20;

let origin: string;
/** By path: what lies there, and its tag. */
let objects: Record<string, { readonly body: Buffer; readonly etag?: string }>;
/** Paths asked for, and the tags that were sent along. */
let asked: (readonly [string, string | undefined])[];
const server = createServer(({ url = "", headers }, response) => {
  const path = url.split("?")[0] ?? "";
  const object = objects[path];
  asked.push([path, headers["if-none-match"]]);
  if (object === undefined) return void response.writeHead(404).end();
  const { body, etag } = object;
  const tag = etag === undefined ? {} : { etag };
  if (etag !== undefined && headers["if-none-match"] === etag) return void response.writeHead(304, tag).end();
  response.writeHead(200, { ...tag, "content-length": body.byteLength }).end(body);
});

beforeAll(async () => {
  origin = `http://${await listen(server)}`;
});
afterAll(() => close(server));
beforeEach(() => {
  [objects, asked] = [{}, []];
});

const reader = () => {
  const read = keepingObjects((known, link, what, maxBytes) =>
    downloadUnlessSame(known, link, what, maxBytes, 0),
  );
  return async (path: string, { what = "the model", maxBytes = 1e9 } = {}) => {
    const link = { url: `${origin}${path}?signature=${asked.length}`, headers: {} };
    const { content, receivedBytes } = await read(link, what, maxBytes);
    return { content, text: Buffer.from(content).toString(), receivedBytes };
  };
};
const put = (path: string, text: string, etag?: string) => {
  objects[path] = { body: Buffer.from(text), ...(etag === undefined ? {} : { etag }) };
};

describe("an instance that reads an object again", () => {
  it("asks by another link, and receives nothing where it has not changed", async () => {
    const read = reader();
    put("/v1", "version 1", '"a"');
    expect(await read("/v1")).toMatchObject({ text: "version 1", receivedBytes: 9 });
    expect(await read("/v1")).toMatchObject({ text: "version 1", receivedBytes: 0 });
    expect(asked).toEqual([
      ["/v1", undefined],
      ["/v1", '"a"'],
    ]);
    put("/v1", "written anew", '"b"');
    expect(await read("/v1")).toMatchObject({ text: "written anew", receivedBytes: 12 });
    expect(await read("/v1")).toMatchObject({ text: "written anew", receivedBytes: 0 });
  });

  it("has it unspoilt, whatever was done to what it was given", async () => {
    const read = reader();
    put("/v1", "version 1", '"a"');
    for (let time = 0; time < 3; time++) {
      const { content, text } = await read("/v1");
      expect(text).toBe("version 1");
      content.fill(0);
    }
  });

  it("keeps the last of each kind, and asks for another as if there were none", async () => {
    const read = reader();
    put("/v1", "version 1", '"a"');
    put("/v2", "version 2", '"a"');
    put("/topology", "layers", '"t"');
    await read("/v1");
    await read("/topology", { what: "the topology" });
    expect(await read("/v2")).toMatchObject({ text: "version 2", receivedBytes: 9 });
    expect(await read("/topology", { what: "the topology" })).toMatchObject({ receivedBytes: 0 });
    expect(await read("/v1")).toMatchObject({ text: "version 1", receivedBytes: 9 });
    expect(asked.map(([, tag]) => tag)).toEqual([undefined, undefined, undefined, '"t"', undefined]);
  });

  it("keeps nothing without a tag, and of at most 16 MiB", async () => {
    const read = reader();
    put("/untagged", "version 1");
    await read("/untagged");
    expect(await read("/untagged")).toMatchObject({ receivedBytes: 9 });
    for (const [path, sizeBytes, again] of [
      ["/large", MAX_KEPT_BYTES, 0],
      ["/larger", MAX_KEPT_BYTES + 1, MAX_KEPT_BYTES + 1],
    ] as const) {
      objects[path] = { body: Buffer.alloc(sizeBytes), etag: '"x"' };
      expect((await read(path)).receivedBytes).toBe(sizeBytes);
      expect((await read(path)).receivedBytes).toBe(again);
    }
  });

  it("takes no more than it is allowed, kept or not", async () => {
    const read = reader();
    objects["/v1"] = { body: Buffer.alloc(100_000), etag: '"a"' };
    await read("/v1");
    await expect(read("/v1", { maxBytes: 99_999 })).rejects.toMatchObject({ code: "too-large" });
    expect(await read("/v1", { maxBytes: 100_000 })).toMatchObject({ receivedBytes: 100_000 });
  });

  it("fails as a read does where the object is gone", async () => {
    const read = reader();
    put("/v1", "version 1", '"a"');
    await read("/v1");
    delete objects["/v1"];
    await expect(read("/v1")).rejects.toMatchObject({ code: "unavailable" });
    put("/v1", "version 1", '"a"');
    expect(await read("/v1")).toMatchObject({ receivedBytes: 0 });
  });
});

it("an answer 304 that nobody asked for is a failure", async () => {
  objects = {};
  const odd = createServer((_, response) => void response.writeHead(304).end());
  const url = `http://${await listen(odd)}/v1`;
  await expect(downloadUnlessSame(undefined, { url, headers: {} }, "the model", 9, 0)).rejects.toMatchObject({
    code: "unavailable",
  });
  await close(odd);
});
