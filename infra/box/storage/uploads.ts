// Uploads of the JSON API: media (the body is the content), multipart (attributes and content) and resumable
// (a session that survives dropped connections).
import { randomUUID } from "node:crypto";
import type { BlobWriter } from "./blobFolder.ts";
import {
  asObject,
  type Call,
  jsonBody,
  param,
  preconditions,
  type Route,
  type Storage,
  sendJson,
} from "./http.ts";
import { parseMultipartRelated } from "./multipartRelated.ts";
import type { ObjectAttributes, Preconditions, StoredObject } from "./objectTable.ts";
import { attributesIn, objectResource } from "./resources.ts";
import { StorageError } from "./storageError.ts";

/** Checksums that the sender says the content has. */
export interface ExpectedDigests {
  readonly crc32c?: string | undefined;
  readonly md5?: string | undefined;
}

interface Session {
  readonly bucket: string;
  readonly name: string;
  readonly attributes: ObjectAttributes;
  readonly expected: ExpectedDigests;
  readonly conditions: Preconditions;
  readonly writer: BlobWriter;
  /** The object, once the upload is complete; asking again gives the same answer. */
  done?: StoredObject;
}

/**
 * Stores a content as an object: in one step when it has come whole, its digests are as expected and the
 * conditions hold; otherwise not at all.
 */
export async function store(
  { table, blobs }: Storage,
  target: { readonly bucket: string; readonly name: string },
  upload: {
    readonly content: AsyncIterable<Uint8Array> | BlobWriter;
    readonly attributes: ObjectAttributes & { readonly componentCount?: number };
    readonly expected?: ExpectedDigests;
    readonly conditions: Preconditions;
  },
): Promise<StoredObject> {
  const { content, attributes, expected = {}, conditions } = upload;
  const blob = await ("finish" in content ? content.finish() : blobs.write(content));
  try {
    if ((expected.crc32c ?? blob.crc32c) !== blob.crc32c || (expected.md5 ?? blob.md5) !== blob.md5)
      throw new StorageError("badDigest", "The content does not have the checksum that was sent with it.");
    return table.put(target.bucket, target.name, { ...attributes, blob }, conditions);
  } catch (error) {
    await blobs.remove(blob);
    throw error;
  }
}

/** The digests in an `x-goog-hash` header (`crc32c=…,md5=…`). */
export function digestsIn(header: string | readonly string[] | undefined): ExpectedDigests {
  const digests = new Map(
    [header ?? []]
      .flat()
      .join(",")
      .split(",")
      .map((pair) => /^\s*(crc32c|md5)=(\S+)\s*$/.exec(pair))
      .map((found) => [found?.[1], found?.[2]]),
  );
  return { crc32c: digests.get("crc32c"), md5: digests.get("md5") };
}

/** The routes of uploads, with the sessions of one server. */
export function uploadRoutes(): Route[] {
  const sessions = new Map<string, Session>();
  const start = (call: Call) => {
    const type = call.query.get("uploadType");
    if (type === "resumable") return startSession(call, sessions);
    if (type === "multipart") return uploadMultipart(call);
    if (type === "media") return uploadMedia(call);
    throw new StorageError("invalid", "uploadType must be media, multipart or resumable.");
  };
  const path = "/upload/storage/v1/b/:bucket/o";
  return [
    ["POST", path, start],
    ["PUT", path, (call) => continueSession(call, sessions)],
    ["DELETE", path, (call) => cancelSession(call, sessions)],
  ];
}

/** Who uploads what, checked before the body is read. */
function target(call: Call, attributes: Readonly<Record<string, unknown>> = {}) {
  const bucket = param(call, "bucket");
  const name = call.query.get("name") ?? attributes["name"];
  if (typeof name !== "string") throw new StorageError("invalid", "The object's name is missing.");
  const member = call.access.caller(call.request.headers.authorization);
  call.access.requireWrite(member, bucket, name, call.table.has(bucket, name));
  const conditions = preconditions(call.query);
  call.table.checkPut(bucket, name, conditions);
  return { bucket, name, conditions };
}

async function uploadMedia(call: Call): Promise<void> {
  const { conditions, ...to } = target(call);
  const { headers } = call.request;
  const contentType = headers["content-type"];
  const object = await store(call, to, {
    content: call.request,
    attributes: contentType === undefined ? {} : { contentType },
    expected: digestsIn(headers["x-goog-hash"]),
    conditions,
  });
  sendJson(call, objectResource(object));
}

async function uploadMultipart(call: Call): Promise<void> {
  const parts = await parseMultipartRelated(call.request, call.request.headers["content-type"]);
  const body = asObject(parts.attributes);
  const { conditions, ...to } = target(call, body);
  const object = await store(call, to, {
    content: parts.content,
    attributes: attributesIn({ contentType: parts.contentType, ...body }),
    expected: expectedIn(body),
    conditions,
  });
  sendJson(call, objectResource(object));
}

async function startSession(call: Call, sessions: Map<string, Session>): Promise<void> {
  const { request, response, blobs } = call;
  const body = await jsonBody(request);
  const { bucket, name, conditions } = target(call, body);
  const id = randomUUID();
  const contentType = request.headers["x-upload-content-type"];
  sessions.set(id, {
    bucket,
    name,
    conditions,
    attributes: attributesIn({ ...(contentType === undefined ? {} : { contentType }), ...body }),
    expected: expectedIn(body),
    writer: await blobs.writer(),
  });
  const query = new URLSearchParams({ uploadType: "resumable", name, upload_id: id });
  const path = `/upload/storage/v1/b/${encodeURIComponent(bucket)}/o?${query}`;
  response.writeHead(200, {
    location: `http://${request.headers.host}${path}`,
    "x-guploader-uploadid": id,
    "content-length": 0,
  });
  response.end();
}

/**
 * Takes a chunk, or tells how much there is. The session's id, which cannot be guessed, is the right to do
 * so.
 */
async function continueSession(call: Call, sessions: Map<string, Session>): Promise<void> {
  const { request, response } = call;
  const { id, session } = findSession(call, sessions);
  if (session.done === undefined) {
    const { writer } = session;
    const { start, end } = contentRange(request.headers["content-range"]);
    let skipBytes = start === undefined ? 0 : writer.sizeBytes - start;
    if (skipBytes < 0) throw new StorageError("invalid", "There is a gap before these bytes.");
    if (start !== undefined)
      for await (const chunk of request) {
        // Bytes that arrived before the connection dropped are sent again; they are the same.
        const fresh: Buffer = chunk.subarray(Math.min(skipBytes, chunk.length));
        skipBytes -= chunk.length - fresh.length;
        await writer.append(fresh);
      }
    if (end === "with-the-body" || end === writer.sizeBytes) {
      const expected = { ...session.expected, ...definedOf(digestsIn(request.headers["x-goog-hash"])) };
      // Once the content is closed there is nothing to go on with: a refusal ends the session.
      sessions.delete(id);
      session.done = await store(call, session, { ...session, content: writer, expected });
      sessions.set(id, session);
    }
  }
  if (session.done !== undefined) return sendJson(call, objectResource(session.done));
  const held = session.writer.sizeBytes;
  response.writeHead(308, {
    ...(held > 0 ? { range: `bytes=0-${held - 1}` } : {}),
    "content-length": 0,
  });
  response.end();
}

async function cancelSession(call: Call, sessions: Map<string, Session>): Promise<void> {
  const { id, session } = findSession(call, sessions);
  sessions.delete(id);
  if (session.done === undefined) await session.writer.discard();
  call.response.writeHead(499, { "content-length": 0 }).end();
}

function findSession({ query }: Call, sessions: Map<string, Session>) {
  const id = query.get("upload_id") ?? "";
  const session = sessions.get(id);
  if (session === undefined) throw new StorageError("noUpload", "There is no such upload session.");
  return { id, session };
}

/**
 * Where the bytes of a request begin and whether they end the object, from `Content-Range: bytes
 * <first>-<last>/<total>`. A star for `<first>-<last>` asks how much is there; one for the total says that
 * more will come; for the last and the total, that the body's end is the object's. Without the header, the
 * body is the whole object.
 */
function contentRange(header: string | undefined): { start?: number; end?: number | "with-the-body" } {
  if (header === undefined) return { start: 0, end: "with-the-body" };
  const found = /^bytes (?:(\d+)-(\d+|\*)|\*)\/(\d+|\*)$/.exec(header);
  if (found === null) throw new StorageError("invalid", "The Content-Range header is malformed.");
  const [, first, last, total] = found;
  const start = first === undefined ? {} : { start: Number(first) };
  if (last === "*" && total === "*") return { ...start, end: "with-the-body" };
  return total === "*" ? start : { ...start, end: Number(total) };
}

function expectedIn(body: Readonly<Record<string, unknown>>): ExpectedDigests {
  const { crc32c, md5Hash } = body;
  return definedOf({
    crc32c: typeof crc32c === "string" ? crc32c : undefined,
    md5: typeof md5Hash === "string" ? md5Hash : undefined,
  });
}

function definedOf(digests: ExpectedDigests): ExpectedDigests {
  return Object.fromEntries(Object.entries(digests).filter(([, value]) => value !== undefined));
}
