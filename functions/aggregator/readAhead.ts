// Brings updates from the bucket into memory that is given: in order, a few ahead where they are small,
// hashed as they come. A large one is alone there, so that memory is bounded by one update whatever their
// number.
import { createHash } from "node:crypto";
import { FlError } from "../../shared/core/errors.ts";
import type { ObjectStore } from "../../shared/core/ports/objectStore.ts";
import { pieceUsed } from "./collectMemory.ts";

/** An update's object, and the size that its client reported. */
export interface Wanted {
  readonly name: string;
  readonly sizeBytes: number;
  /** The write that was reported; any where absent. */
  readonly generation?: string | undefined;
}

/**
 * `file` is a view on the memory given, until the next one is asked for; `sha256` is in lower-case
 * hexadecimal.
 */
export type Received =
  | { readonly ok: true; readonly file: Uint8Array; readonly sha256: string }
  /** `gone`: there is no such object, or no such write of it. */
  | { readonly ok: false; readonly gone: boolean; readonly reason: string };

type Objects = Pick<ObjectStore, "openRead">;

/** Updates on their way at once, at most, and the memory that they may take if that is more than one. */
const MAX_AHEAD = 8;
const AHEAD_BYTES = 32 * 2 ** 20;
const ALIGNMENT = 8;

/**
 * Gives every update in the order asked. One that is missing or not of the size reported is refused with a
 * reason; a failure of the storage is thrown.
 *
 * @param maxBytes what an update can have at most; one that is reported to have more is not read.
 * @param room gives memory of a size, at a multiple of eight; asked once.
 */
export async function* readAhead<T extends Wanted>(
  wanted: readonly T[],
  maxBytes: number,
  room: (sizeBytes: number) => Uint8Array,
  objects: Objects,
): AsyncGenerator<readonly [T, Received]> {
  const largest = wanted.reduce((max, { sizeBytes }) => Math.max(max, sizeBytes), 1);
  const slotBytes = Math.ceil(Math.min(largest, maxBytes) / ALIGNMENT) * ALIGNMENT;
  const slots = Math.max(1, Math.min(MAX_AHEAD, wanted.length, Math.floor(AHEAD_BYTES / slotBytes)));
  const memory = room(slots * slotBytes);

  const pending: Promise<PromiseSettledResult<Received>>[] = [];
  const start = (index: number) => {
    const item = wanted[index];
    if (item === undefined) return;
    const begin = (index % slots) * slotBytes;
    // Settled, so that a failure waits for its turn.
    pending[index] = settled(receive(item, memory.subarray(begin, begin + slotBytes), objects));
  };
  for (let index = 0; index < slots; index++) start(index);
  try {
    for (const [index, item] of wanted.entries()) {
      const result = await pending[index];
      if (result?.status !== "fulfilled") throw result?.reason;
      yield [item, result.value];
      start(index + slots);
    }
  } finally {
    await Promise.all(pending); // The memory is theirs until then.
  }
}

/**
 * Reads an object whole into memory of its size.
 *
 * @throws FlError("data-loss") when what arrives is not what was stored, ("not-found") when there is no
 *   such object.
 */
export async function readInto(
  name: string,
  room: (sizeBytes: number) => Uint8Array,
  objects: Objects,
): Promise<Uint8Array> {
  const { stream, sizeBytes } = await objects.openRead(name);
  const file = room(sizeBytes);
  await fill(file, stream, name);
  return file;
}

async function receive(
  { name, sizeBytes, generation }: Wanted,
  slot: Uint8Array,
  objects: Objects,
): Promise<Received> {
  if (sizeBytes > slot.byteLength) {
    return refused(`The client reported ${sizeBytes} bytes, more than an update of this model can have.`);
  }
  const reading = await open(name, generation, objects);
  if (reading === null) return { ok: false, gone: true, reason: `${name} no longer exists.` };
  if (reading.sizeBytes !== sizeBytes) {
    await leave(reading.stream);
    const sizes = `The object has ${reading.sizeBytes} bytes, the client reported ${sizeBytes}`;
    return refused(`${sizes}: upload the very file that is reported.`);
  }
  const file = slot.subarray(0, sizeBytes);
  const hash = createHash("sha256");
  await fill(file, reading.stream, name, (chunk) => hash.update(chunk));
  return { ok: true, file, sha256: hash.digest("hex") };
}

async function open(name: string, generation: string | undefined, objects: Objects) {
  try {
    return await objects.openRead(name, generation);
  } catch (error) {
    if (error instanceof FlError && error.code === "not-found") return null;
    throw error;
  }
}

async function fill(
  file: Uint8Array,
  stream: AsyncIterable<Uint8Array>,
  name: string,
  onChunk: (chunk: Uint8Array) => void = () => {},
): Promise<void> {
  let at = 0;
  for await (const chunk of stream) {
    if (at + chunk.byteLength <= file.byteLength) file.set(chunk, at);
    at += chunk.byteLength;
    onChunk(chunk);
    pieceUsed(chunk.byteLength);
  }
  if (at === file.byteLength) return;
  throw new FlError("data-loss", `"${name}" does not have the expected size.`, { retry: "soon" });
}

/** Unread, a stream would hold its connection: one chunk is taken, and the rest is left. */
async function leave(stream: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _chunk of stream) return;
}

function refused(reason: string): Received {
  return { ok: false, gone: false, reason };
}

async function settled<T>(promise: Promise<T>): Promise<PromiseSettledResult<T>> {
  const [result] = await Promise.allSettled([promise]);
  return result;
}
