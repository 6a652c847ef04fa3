// Opening a download of the storage client: its stream together with what the answer's headers say.
import type { Readable } from "node:stream";
import type { File } from "@google-cloud/storage";

/** The client's `response` event carries the answer, which is also the first stream of its chain. */
interface StorageAnswer {
  readonly statusCode: number;
  toJSON(): { readonly headers: Readonly<Record<string, string | undefined>> };
  setMaxListeners(count: number): void;
}

export interface OpenedStream {
  /** Verified against the object's checksum, unless it is a range. */
  readonly stream: Readable;
  /** Of the whole object. */
  readonly sizeBytes: number;
  readonly generation: string;
}

/** Starts a download and waits for the answer's head. @param range both ends inclusive. */
export async function openStream(
  file: File,
  range: { readonly start?: number; readonly end?: number } = {},
): Promise<OpenedStream> {
  const stream = file.createReadStream({ ...range, decompress: false });
  const opened = new Promise<StorageAnswer>((resolve, reject) => {
    // An error after the head is kept by the stream and thrown to the code that iterates it.
    stream.once("error", reject);
    stream.once("response", (answer: StorageAnswer) => {
      // The client hangs eleven listeners on it, and Node would warn of a leak at each download.
      answer.setMaxListeners(0);
      // After any other status, `error` follows with the message.
      if (answer.statusCode === 200 || answer.statusCode === 206) resolve(answer);
    });
  });
  stream.read(0);
  const { headers } = (await opened).toJSON();
  return {
    stream,
    sizeBytes: Number(headers["x-goog-stored-content-length"]),
    generation: headers["x-goog-generation"] ?? "",
  };
}

/**
 * The chunks of a download. When it is left early, the rest still comes and is thrown away: destroying the
 * stream would make the client cut all its connections, those of other downloads too.
 */
export async function* chunksOf(stream: Readable): AsyncGenerator<Uint8Array> {
  try {
    yield* stream.iterator({ destroyOnReturn: false });
  } finally {
    stream.resume();
  }
}

/** Reads a stream that should have `sizeBytes` into memory; `complete` when it had neither less nor more. */
export async function collect(
  stream: AsyncIterable<Uint8Array>,
  sizeBytes: number,
): Promise<{ bytes: Uint8Array; complete: boolean }> {
  const bytes = new Uint8Array(sizeBytes);
  let at = 0;
  for await (const chunk of stream) {
    if (at + chunk.byteLength > bytes.byteLength) return { bytes, complete: false };
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return { bytes, complete: at === sizeBytes };
}
