// The JSON API: buckets, and objects but for their upload. Every call needs an access token and a grant.
import { type Call, jsonBody, param, preconditions, type Route, sendJson } from "./http.ts";
import { sendMedia } from "./media.ts";
import { attributesIn, bucketResource, objectResource } from "./resources.ts";
import { StorageError } from "./storageError.ts";
import { store } from "./uploads.ts";

const BUCKETS = "/storage/v1/b";
const OBJECT = "/storage/v1/b/:bucket/o/:object";
const MAX_RESULTS = 1000;
const MAX_COMPOSE = 32;

export const jsonRoutes: readonly Route[] = [
  ["POST", BUCKETS, createBucket],
  ["GET", BUCKETS, listBuckets],
  ["GET", `${BUCKETS}/:bucket`, getBucket],
  ["DELETE", `${BUCKETS}/:bucket`, deleteBucket],
  ["GET", `${BUCKETS}/:bucket/o`, listObjects],
  ["GET", OBJECT, getObject],
  ["GET", `/download${OBJECT}`, downloadObject],
  ["PATCH", OBJECT, patchObject],
  ["DELETE", OBJECT, deleteObject],
  ["POST", `${OBJECT}/compose`, composeObject],
];

function caller({ access, request }: Call): string {
  return access.caller(request.headers.authorization);
}

function sourceObject(call: Call) {
  const bucket = param(call, "bucket");
  const name = param(call, "object");
  const generation = call.query.get("generation") ?? undefined;
  return { bucket, name, generation };
}

async function createBucket(call: Call): Promise<void> {
  const member = caller(call);
  const { name } = await jsonBody(call.request);
  if (typeof name !== "string") throw new StorageError("invalid", "The bucket's name is missing.");
  call.access.require(member, "admin", name, "");
  call.table.createBucket(name);
  sendJson(call, bucketResource(name, call.table.bucketCreatedAt(name)));
}

function listBuckets(call: Call): void {
  const member = caller(call);
  const names = call.table.bucketNames().filter((name) => call.access.allows(member, "admin", name, ""));
  sendJson(call, {
    kind: "storage#buckets",
    items: names.map((name) => bucketResource(name, call.table.bucketCreatedAt(name))),
  });
}

function getBucket(call: Call): void {
  const bucket = param(call, "bucket");
  call.access.require(caller(call), "reader", bucket, "");
  sendJson(call, bucketResource(bucket, call.table.bucketCreatedAt(bucket)));
}

function deleteBucket(call: Call): void {
  const bucket = param(call, "bucket");
  call.access.require(caller(call), "admin", bucket, "");
  call.table.deleteBucket(bucket);
  call.response.writeHead(204).end();
}

function listObjects(call: Call): void {
  const { query } = call;
  const bucket = param(call, "bucket");
  const text = (name: string) => query.get(name) ?? "";
  const maxResults = Number(query.get("maxResults") ?? MAX_RESULTS);
  if (!Number.isInteger(maxResults) || maxResults < 1)
    throw new StorageError("invalid", "Invalid value for maxResults.");
  call.access.require(caller(call), "reader", bucket, text("prefix"));
  const page = call.table.list(bucket, {
    prefix: text("prefix"),
    delimiter: text("delimiter"),
    startOffset: text("startOffset"),
    endOffset: text("endOffset"),
    pageToken: text("pageToken"),
    maxResults: Math.min(maxResults, MAX_RESULTS),
  });
  sendJson(call, {
    kind: "storage#objects",
    items: page.objects.map(objectResource),
    prefixes: page.prefixes,
    nextPageToken: page.nextPageToken,
  });
}

async function getObject(call: Call): Promise<void> {
  if (call.query.get("alt") === "media") return await downloadObject(call);
  const { bucket, name, generation } = sourceObject(call);
  call.access.require(caller(call), "reader", bucket, name);
  sendJson(call, objectResource(call.table.get(bucket, name, preconditions(call.query), generation)));
}

async function downloadObject(call: Call): Promise<void> {
  const { bucket, name, generation } = sourceObject(call);
  call.access.require(caller(call), "reader", bucket, name);
  const object = call.table.get(bucket, name, preconditions(call.query), generation);
  await sendMedia(call.request, call.response, object, call.blobs);
}

async function patchObject(call: Call): Promise<void> {
  const { bucket, name } = sourceObject(call);
  call.access.require(caller(call), "writer", bucket, name);
  const body = await jsonBody(call.request);
  const object = call.table.update(
    bucket,
    name,
    (before) => attributesIn(body, before),
    preconditions(call.query),
  );
  sendJson(call, objectResource(object));
}

function deleteObject(call: Call): void {
  const { bucket, name, generation } = sourceObject(call);
  call.access.require(caller(call), "writer", bucket, name);
  call.table.delete(bucket, name, preconditions(call.query), generation);
  call.response.writeHead(204).end();
}

async function composeObject(call: Call): Promise<void> {
  const { bucket, name } = sourceObject(call);
  const member = caller(call);
  call.access.require(member, "writer", bucket, name);
  const body = await jsonBody(call.request);
  const { sourceObjects, destination } = body;
  if (!Array.isArray(sourceObjects) || sourceObjects.length < 1 || sourceObjects.length > MAX_COMPOSE)
    throw new StorageError("invalid", `Compose takes 1 to ${MAX_COMPOSE} source objects.`);
  const sources = sourceObjects.map((source: { name?: unknown; generation?: unknown }) => {
    const from = String(source.name);
    call.access.require(member, "reader", bucket, from);
    const generation = source.generation === undefined ? undefined : String(source.generation);
    return call.table.get(bucket, from, {}, generation);
  });
  const streams = sources.map(({ blob }) => call.blobs.read(blob, 0, blob.sizeBytes));
  const object = await store(
    call,
    { bucket, name },
    {
      content: concatenated(streams),
      attributes: {
        ...attributesIn(typeof destination === "object" && destination !== null ? { ...destination } : {}),
        componentCount: sources.reduce((count, { componentCount = 1 }) => count + componentCount, 0),
      },
      conditions: preconditions(call.query),
    },
  );
  sendJson(call, objectResource(object));
}

async function* concatenated(streams: readonly AsyncIterable<Uint8Array>[]) {
  for (const stream of streams) yield* stream;
}
