// The multipart/related body of a JSON upload: a JSON part with the attributes, then the content, which is
// streamed on.
import { StorageError } from "./storageError.ts";

export interface MultipartUpload {
  /** The first part, parsed. */
  readonly attributes: unknown;
  /** The Content-Type of the second part, when it has one. */
  readonly contentType?: string;
  /** The bytes of the second part. Fails when the body ends without its closing boundary. */
  readonly content: AsyncIterable<Uint8Array>;
}

const MAX_HEAD_BYTES = 1 << 20;

/** Reads the head of the body: everything before the content. */
export async function parseMultipartRelated(
  body: AsyncIterable<Buffer>,
  contentType: string | undefined,
): Promise<MultipartUpload> {
  const boundary = /boundary="?([^";\s]+)"?/i.exec(contentType ?? "")?.[1];
  if (boundary === undefined) throw new StorageError("invalid", "A multipart upload needs a boundary.");
  const chunks = body[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  for (;;) {
    const parts = splitHead(head, boundary);
    if (parts !== undefined) {
      const { attributes, headers, rest } = parts;
      const partType = /^content-type:\s*(.+?)\s*$/im.exec(headers)?.[1];
      return {
        attributes,
        ...(partType === undefined ? {} : { contentType: partType }),
        content: untilClosing(rest, chunks, boundary),
      };
    }
    const next = head.length > MAX_HEAD_BYTES ? { done: true as const } : await chunks.next();
    if (next.done === true) throw new StorageError("invalid", "The multipart body has no two parts.");
    head = Buffer.concat([head, next.value]);
  }
}

/**
 * The first part's JSON, the second part's headers and what is there of its content; undefined while bytes
 * are missing.
 */
function splitHead(head: Buffer, boundary: string) {
  const open = head.indexOf(`--${boundary}`);
  const firstBody = open < 0 ? -1 : head.indexOf("\r\n\r\n", open);
  const second = firstBody < 0 ? -1 : head.indexOf(`\r\n--${boundary}\r\n`, firstBody + 2);
  const secondHead = second + boundary.length + 6;
  // The two bytes before the headers are the line break of the boundary: a part without headers ends at once.
  const secondBody = second < 0 ? -1 : head.indexOf("\r\n\r\n", secondHead - 2);
  if (secondBody < 0) return undefined;
  return {
    attributes: parseJson(head.subarray(firstBody + 4, second)),
    headers: head.subarray(secondHead, secondBody).toString(),
    rest: head.subarray(secondBody + 4),
  };
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    throw new StorageError("invalid", "The first part of a multipart upload must be JSON.");
  }
}

/**
 * The content up to the closing boundary: as the last part, it ends with the body, so only the tail need be
 * held back.
 */
async function* untilClosing(rest: Buffer, chunks: AsyncIterator<Buffer>, boundary: string) {
  const closing = `\r\n--${boundary}--`;
  const tailBytes = closing.length + 2;
  let held = rest;
  for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) {
    const all = Buffer.concat([held, next.value]);
    const sure = Math.max(0, all.length - tailBytes);
    if (sure > 0) yield all.subarray(0, sure);
    held = all.subarray(sure);
  }
  const end = held.lastIndexOf(closing);
  if (end < 0) throw new StorageError("invalid", "The multipart body does not end with its boundary.");
  if (end > 0) yield held.subarray(0, end);
}
