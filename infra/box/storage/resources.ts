// Objects and buckets as the JSON API shows them, and their attributes as it takes them.
import type { ObjectAttributes, StoredObject } from "./objectTable.ts";
import { StorageError } from "./storageError.ts";

const TEXT_ATTRIBUTES = [
  "contentType",
  "contentEncoding",
  "contentDisposition",
  "contentLanguage",
  "cacheControl",
] as const;

export function objectResource(object: StoredObject) {
  const { blob, createdAt, updatedAt, ...rest } = object;
  const path = `b/${encodeURIComponent(object.bucket)}/o/${encodeURIComponent(object.name)}`;
  return {
    kind: "storage#object",
    id: `${object.bucket}/${object.name}/${object.generation}`,
    selfLink: `/storage/v1/${path}`,
    mediaLink: `/download/storage/v1/${path}?generation=${object.generation}&alt=media`,
    ...rest,
    // 64-bit numbers are strings in the JSON API.
    generation: `${object.generation}`,
    metageneration: `${object.metageneration}`,
    size: `${blob.sizeBytes}`,
    crc32c: blob.crc32c,
    ...(object.componentCount === undefined ? { md5Hash: blob.md5 } : {}),
    etag: Buffer.from(`${object.generation}/${object.metageneration}`).toString("base64"),
    storageClass: "STANDARD",
    timeCreated: createdAt.toISOString(),
    updated: updatedAt.toISOString(),
  };
}

export function bucketResource(name: string, createdAt: Date) {
  return {
    kind: "storage#bucket",
    id: name,
    name,
    selfLink: `/storage/v1/b/${name}`,
    location: "LOCAL",
    storageClass: "STANDARD",
    metageneration: "1",
    timeCreated: createdAt.toISOString(),
    updated: createdAt.toISOString(),
  };
}

/**
 * The attributes in a JSON body; `before` is what a patch changes: null takes a value away, absence keeps it.
 */
export function attributesIn(
  body: Readonly<Record<string, unknown>>,
  before: ObjectAttributes = {},
): ObjectAttributes {
  const attributes: Record<string, string> = {};
  for (const name of TEXT_ATTRIBUTES) {
    const value = body[name] === undefined ? before[name] : body[name];
    if (typeof value === "string") attributes[name] = value;
    else if (value !== undefined && value !== null)
      throw new StorageError("invalid", `Invalid value for ${name}.`);
  }
  return { ...attributes, ...metadataIn(body["metadata"], before.metadata) };
}

function metadataIn(
  changes: unknown,
  before: Readonly<Record<string, string>> = {},
): Pick<ObjectAttributes, "metadata"> {
  if (changes !== undefined && changes !== null && typeof changes !== "object")
    throw new StorageError("invalid", "Invalid value for metadata.");
  const metadata = new Map(changes === null ? [] : Object.entries(before));
  for (const [key, value] of Object.entries(changes ?? {})) {
    if (value === null) metadata.delete(key);
    else metadata.set(key, String(value));
  }
  return metadata.size === 0 ? {} : { metadata: Object.fromEntries(metadata) };
}
