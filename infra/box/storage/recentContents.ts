// Contents that were written of late, in memory: of a round's objects most are read within the second, and
// the model once for each client.

/** Of a content that is kept at most, and of all together; inclusive. */
const MAX_CONTENT_BYTES = 4 << 20;
const MAX_BYTES = 64 << 20;

export class RecentContents {
  /** By name of the file; those used last are at the end. */
  readonly #contents = new Map<string, Uint8Array>();
  #sizeBytes = 0;

  /** Whether a content of so many bytes is kept. */
  static takes(sizeBytes: number): boolean {
    return sizeBytes <= MAX_CONTENT_BYTES;
  }

  /** Keeps a copy, and forgets those used longest ago for which there is no room any more. */
  keep(file: string, pieces: readonly Uint8Array[]): void {
    const content = Buffer.concat(pieces);
    this.forget(file);
    this.#contents.set(file, content);
    this.#sizeBytes += content.byteLength;
    for (const oldest of this.#contents.keys()) {
      if (this.#sizeBytes <= MAX_BYTES) break;
      this.forget(oldest);
    }
  }

  /** The content, not to be changed; undefined where it is not kept. */
  get(file: string): Uint8Array | undefined {
    const content = this.#contents.get(file);
    if (content === undefined) return undefined;
    this.#contents.delete(file);
    this.#contents.set(file, content);
    return content;
  }

  forget(file: string): void {
    this.#sizeBytes -= this.#contents.get(file)?.byteLength ?? 0;
    this.#contents.delete(file);
  }
}
