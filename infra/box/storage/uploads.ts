// Uploads of the JSON API: media (the body is the content) and multipart (attributes and content).
import { asObject, type Call, param, preconditions, type Route, type Storage, sendJson } from "./http.ts";
import { parseMultipartRelated } from "./multipartRelated.ts";
import type { ObjectAttributes, Preconditions, StoredObject } from "./objectTable.ts";
import { attributesIn, objectResource } from "./resources.ts";
import { StorageError } from "./storageError.ts";

/** Checksums that the sender says the content has. */
export interface ExpectedDigests {
  readonly crc32c?: string | undefined;
  readonly md5?: string | undefined;
}

/**
 * Stores a content as an object: in one step when it has come whole, its digests are as expected and the
 * conditions hold; otherwise not at all.
 */
export async function store(
  { table, blobs }: Storage,
  target: { readonly bucket: string; readonly name: string },
  upload: {
    readonly content: AsyncIterable<Uint8Array>;
    readonly attributes: ObjectAttributes & { readonly componentCount?: number };
    readonly expected?: ExpectedDigests;
    readonly conditions: Preconditions;
  },
): Promise<StoredObject> {
  const { content, attributes, expected = {}, conditions } = upload;
  const blob = await blobs.write(content);
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

export const uploadRoutes: readonly Route[] = [["POST", "/upload/storage/v1/b/:bucket/o", upload]];

function upload(call: Call): Promise<void> {
  const type = call.query.get("uploadType");
  if (type === "multipart") return uploadMultipart(call);
  if (type === "media") return uploadMedia(call);
  if (type === "resumable")
    throw new StorageError("noMethod", "There are no resumable uploads here: upload in one request.");
  throw new StorageError("invalid", "uploadType must be media or multipart.");
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

function expectedIn(body: Readonly<Record<string, unknown>>): ExpectedDigests {
  const { crc32c, md5Hash } = body;
  return {
    crc32c: typeof crc32c === "string" ? crc32c : undefined,
    md5: typeof md5Hash === "string" ? md5Hash : undefined,
  };
}
