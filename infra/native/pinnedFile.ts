// Fetches a file that is known by its hash, and checks files that are there already.
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { PinnedFile } from "./pins.ts";

/**
 * The bytes are others than the pinned ones. Unlike a failed download, never a reason to go on without the
 * file.
 */
export class WrongBytesError extends Error {
  override readonly name = "WrongBytesError";
}

const TIMEOUT_MS = 10 * 60_000;

/**
 * Downloads to `path`, which holds the pinned bytes afterwards or does not exist.
 *
 * @param url where from; the bytes are the same wherever they come from
 * @throws WrongBytesError when other bytes come, Error when none do
 */
export async function fetchPinned(file: PinnedFile, url: string, path: string): Promise<void> {
  const partial = `${path}.partial`;
  try {
    const hash = createHash("sha256");
    let sizeBytes = 0;
    const checked = new Transform({
      transform(chunk: Uint8Array, _, done) {
        hash.update(chunk);
        sizeBytes += chunk.byteLength;
        // More than asked for is wrong already: a server cannot fill the disk.
        done(
          sizeBytes > file.sizeBytes ? wrongBytes(file, url, `more than ${file.sizeBytes} bytes`) : null,
          chunk,
        );
      },
    });
    await pipeline(await open(url), checked, createWriteStream(partial));
    checkHash(file, url, hash.digest("hex"));
    await rename(partial, path);
  } finally {
    await rm(partial, { force: true });
  }
}

/** @throws WrongBytesError unless the file at `path` has the pinned bytes */
export async function checkPinned(file: PinnedFile, path: string): Promise<void> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  checkHash(file, path, hash.digest("hex"));
}

async function open(url: string): Promise<Readable> {
  if (hasSecret(url)) {
    // In the words of fetch, which refuses it, the secret stands.
    throw new Error(
      `${shown(url)} cannot be fetched: its address has a name or password, which is not taken`,
    );
  }
  let response: Response;
  try {
    response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch (cause) {
    const reason =
      cause instanceof Error && cause.cause instanceof Error ? cause.cause.message : String(cause);
    throw new Error(`${shown(url)} cannot be fetched: ${reason}`, { cause });
  }
  if (response.status !== 200 || response.body === null) {
    await response.body?.cancel();
    throw new Error(`${shown(url)} answers ${response.status}`);
  }
  return Readable.fromWeb(response.body);
}

function checkHash(file: PinnedFile, where: string, sha256: string): void {
  if (sha256 !== file.sha256) throw wrongBytes(file, where, `SHA-256 ${sha256}`);
}

function wrongBytes(file: PinnedFile, where: string, found: string): WrongBytesError {
  return new WrongBytesError(
    `${shown(where)} is not ${file.name}: it has ${found}, and SHA-256 ${file.sha256} is expected`,
  );
}

function hasSecret(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { username, password } = new URL(url);
  return username !== "" || password !== "";
}

/** Without what may be a secret: a mirror's password or token. */
function shown(where: string): string {
  if (!URL.canParse(where)) return where;
  const { protocol, host, pathname } = new URL(where);
  return `${protocol}//${host}${pathname}`;
}
