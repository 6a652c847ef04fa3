// The part of the XML API that signed URLs use: GET, HEAD, PUT and DELETE of `/bucket/object`.
import { type Call, decode } from "./http.ts";
import { checksumHeaders, sendMedia } from "./media.ts";
import type { ObjectAttributes, Preconditions } from "./objectTable.ts";
import { verifySignedUrl } from "./signedUrl.ts";
import { StorageError } from "./storageError.ts";
import { digestsIn, store } from "./uploads.ts";

/** Handles a request with a signed URL. The signer's own rights bound what the URL may do. */
export async function handleXml(call: Call): Promise<void> {
  const { access, request, response, table } = call;
  const { method = "" } = request;
  const [, bucket, name] = /^\/([^/]+)\/(.+)$/s.exec(call.path)?.map(decode) ?? [];
  if (bucket === undefined || name === undefined)
    throw new StorageError("noMethod", "Only objects can be addressed here.");
  const signer = verifySignedUrl(
    {
      method,
      path: call.path,
      query: (request.url ?? "").slice(call.path.length),
      headers: request.headers,
    },
    access,
    call.nowMs(),
  );
  if (method === "PUT") access.requireWrite(signer, bucket, name, table.has(bucket, name));
  else access.require(signer, method === "GET" || method === "HEAD" ? "reader" : "writer", bucket, name);
  const conditions = headerConditions(call);
  switch (method) {
    case "GET":
    case "HEAD":
      return await sendMedia(request, response, table.get(bucket, name, conditions), call.blobs);
    case "PUT":
      return await putObject(call, { bucket, name }, conditions);
    case "DELETE":
      table.delete(bucket, name, conditions);
      response.writeHead(204).end();
      return;
    default:
      throw new StorageError("noMethod", `${method} is not known here.`);
  }
}

async function putObject(
  call: Call,
  to: { readonly bucket: string; readonly name: string },
  conditions: Preconditions,
): Promise<void> {
  const { headers } = call.request;
  call.table.checkPut(to.bucket, to.name, conditions);
  const object = await store(call, to, {
    content: lengthChecked(call),
    attributes: headerAttributes(call),
    expected: {
      ...digestsIn(headers["x-goog-hash"]),
      ...(headers["content-md5"] === undefined ? {} : { md5: headers["content-md5"].toString() }),
    },
    conditions,
  });
  call.response.writeHead(200, { ...checksumHeaders(object), "content-length": 0 });
  call.response.end();
}

/**
 * The body, held to `x-goog-content-length-range` (`min,max`, both inclusive) whatever length the sender
 * declares.
 */
async function* lengthChecked({ request }: Call): AsyncGenerator<Buffer> {
  const range = request.headers["x-goog-content-length-range"]?.toString() ?? `0,${Number.MAX_SAFE_INTEGER}`;
  const [, least, most] = /^(\d+),\s*(\d+)$/.exec(range) ?? [];
  if (least === undefined || most === undefined)
    throw new StorageError("malformed", "Your request has a malformed x-goog-content-length-range.");
  const tooLarge = new StorageError("tooLarge", `Your proposed upload exceeds the maximum of ${most} bytes.`);
  if (Number(request.headers["content-length"] ?? 0) > Number(most)) throw tooLarge;
  let sizeBytes = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    sizeBytes += chunk.length;
    if (sizeBytes > Number(most)) throw tooLarge;
    yield chunk;
  }
  if (sizeBytes < Number(least))
    throw new StorageError("tooSmall", `Your proposed upload is below the minimum of ${least} bytes.`);
}

function headerConditions({ request }: Call): Preconditions {
  const value = (name: string) => request.headers[name]?.toString();
  const ifGenerationMatch = value("x-goog-if-generation-match");
  const ifMetagenerationMatch = value("x-goog-if-metageneration-match");
  return {
    ...(ifGenerationMatch === undefined ? {} : { ifGenerationMatch }),
    ...(ifMetagenerationMatch === undefined ? {} : { ifMetagenerationMatch }),
  };
}

function headerAttributes({ request }: Call): ObjectAttributes {
  const attributes: Record<string, string> = {};
  const names = {
    contentType: "content-type",
    contentEncoding: "content-encoding",
    contentDisposition: "content-disposition",
    contentLanguage: "content-language",
    cacheControl: "cache-control",
  };
  for (const [attribute, header] of Object.entries(names)) {
    const value = request.headers[header]?.toString();
    if (value !== undefined) attributes[attribute] = value;
  }
  const prefix = "x-goog-meta-";
  const metadata = Object.fromEntries(
    Object.entries(request.headers)
      .filter(([header]) => header.startsWith(prefix))
      .map(([header, value]) => [header.slice(prefix.length), String(value)]),
  );
  return { ...attributes, ...(Object.keys(metadata).length === 0 ? {} : { metadata }) };
}
