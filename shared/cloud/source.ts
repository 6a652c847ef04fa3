// Reads a data set's bytes from where its owner keeps them: a bucket (gs://) or a mounted folder (file://). Plain fetch
// with the function's own identity: the client function loads no Google library.
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { FlError } from "../core/errors.ts";
import type { IdTokenSource } from "./auth/idTokenSource.ts";

export interface SourceOptions {
  readonly tokens: IdTokenSource;
  /** The local cloud's storage; Google's when absent. */
  readonly storageEndpoint?: string | undefined;
}

const GOOGLE_STORAGE = "https://storage.googleapis.com";
const TIMEOUT_MS = 120_000;

/** The address with the client's name in the place of `{clientId}`. */
export function sourceFor(template: string, clientId: string): string {
  return template.replaceAll("{clientId}", clientId);
}

/**
 * The bytes at `address`.
 *
 * @throws FlError("failed-precondition") when there is nothing or we may not read it, which only its owner can mend;
 *   FlError("unavailable") when the storage does not answer.
 */
export async function readSource(address: string, options: SourceOptions): Promise<Uint8Array> {
  return address.startsWith("file://") ? readLocal(address) : readBucket(address, options);
}

async function readLocal(address: string): Promise<Uint8Array> {
  try {
    return await readFile(fileURLToPath(address));
  } catch (cause) {
    throw new FlError(
      "failed-precondition",
      "The data set cannot be read from its folder: check CLIENT_DATA.",
      { cause },
    );
  }
}

async function readBucket(address: string, { tokens, storageEndpoint }: SourceOptions): Promise<Uint8Array> {
  const [, bucket = "", object = ""] = /^gs:\/\/([^/]+)\/(.+)$/.exec(address) ?? [];
  const endpoint = storageEndpoint ?? GOOGLE_STORAGE;
  const url = `${endpoint}/storage/v1/b/${encodeURIComponent(bucket)}/o/${encodeURIComponent(object)}?alt=media`;
  const accessToken = await tokens.accessToken();
  let response: Response;
  try {
    response = await fetch(url, {
      headers: { authorization: `Bearer ${accessToken}` },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (response.ok) return new Uint8Array(await response.arrayBuffer());
  } catch (cause) {
    throw new FlError("unavailable", "The storage of the data set did not answer.", { cause });
  }
  const { status } = response;
  await response.body?.cancel(); // Else its connection stays open.
  const passing = status === 408 || status === 429 || status >= 500;
  throw new FlError(
    passing ? "unavailable" : "failed-precondition",
    `The data set cannot be read (HTTP ${status}): check that it is there and that this function may read it.`,
  );
}
