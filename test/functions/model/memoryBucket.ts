// A bucket in memory: what the functions ask of one, with generations. Its links lead nowhere.
import { FlError } from "../../../shared/core/errors.ts";
import type { ObjectContent, ObjectInfo, ObjectStore } from "../../../shared/core/ports/objectStore.ts";

interface Stored {
  readonly info: ObjectInfo;
  readonly content: Uint8Array;
}

const LINK = { url: "https://storage.example.org/", headers: {} };

export class MemoryBucket implements ObjectStore {
  readonly #objects = new Map<string, Stored>();
  #writes = 0;

  async openRead(name: string, generation?: string) {
    const { content, info } = this.#found(name);
    if (generation !== undefined && generation !== info.generation) {
      throw new FlError("not-found", `There is no generation ${generation} of ${name}.`);
    }
    const stream = (async function* () {
      yield content.slice();
    })();
    return { stream, sizeBytes: info.sizeBytes, generation: info.generation };
  }

  async read(name: string): Promise<Uint8Array> {
    return this.#found(name).content.slice();
  }

  async readRange(
    name: string,
    start: number,
    endExclusive: number,
    generation?: string,
  ): Promise<Uint8Array> {
    const { content, info } = this.#found(name);
    if (generation !== undefined && generation !== info.generation) throw new FlError("not-found", name);
    return content.slice(start, endExclusive);
  }

  async write(
    name: string,
    content: ObjectContent,
    options: {
      readonly ifGeneration?: number | string;
      readonly metadata?: Readonly<Record<string, string>>;
    } = {},
  ) {
    const bytes = await bytesOf(content);
    const generation = this.#objects.get(name)?.info.generation ?? "0";
    const { ifGeneration } = options;
    if (ifGeneration !== undefined && String(ifGeneration) !== generation) {
      throw new FlError("failed-precondition", `${name} is of generation ${generation}.`);
    }
    const info: ObjectInfo = {
      name,
      generation: String(++this.#writes),
      sizeBytes: bytes.byteLength,
      crc32c: "",
      contentType: "application/octet-stream",
      metadata: { ...options.metadata },
    };
    this.#objects.set(name, { info, content: bytes });
    return info;
  }

  async stat(name: string): Promise<ObjectInfo | null> {
    return this.#objects.get(name)?.info ?? null;
  }

  async remove(name: string): Promise<void> {
    this.#objects.delete(name);
  }

  async list(prefix: string) {
    return { objects: this.names(prefix).map((name) => this.#found(name).info) };
  }

  async signedReadUrl() {
    return LINK;
  }

  async signedWriteUrl() {
    return LINK;
  }

  names(prefix: string): readonly string[] {
    return [...this.#objects.keys()].filter((name) => name.startsWith(prefix)).sort();
  }

  #found(name: string): Stored {
    const stored = this.#objects.get(name);
    if (stored === undefined) throw new FlError("not-found", `There is no ${name}.`);
    return stored;
  }
}

/** A copy: the writer goes on with its memory. */
async function bytesOf(content: ObjectContent): Promise<Uint8Array> {
  if (content instanceof Uint8Array) return content.slice();
  const parts: Uint8Array[] = [];
  for await (const part of content) parts.push(part.slice());
  return Buffer.concat(parts);
}
