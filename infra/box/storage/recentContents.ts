// Contents that were written of late, in memory: of a round's objects most are read within the second, and
// the model once for each client.

/** Of a content that is kept at most, and of all together; inclusive. */
const MAX_CONTENT_BYTES = 4 << 20;
const MAX_BYTES = 64 << 20;

interface Content {
  readonly pieces: readonly Uint8Array[];
  readonly sizeBytes: number;
}

export class RecentContents {
  /** By name of the file; those used last are at the end. */
  readonly #contents = new Map<string, Content>();
  #sizeBytes = 0;

  /** Whether a content of so many bytes is kept. */
  static takes(sizeBytes: number): boolean {
    return sizeBytes <= MAX_CONTENT_BYTES;
  }

  /** Keeps the pieces as they are, and forgets those used longest ago for which there is no room any more. */
  keep(file: string, pieces: readonly Uint8Array[]): void {
    const sizeBytes = pieces.reduce((sum, { byteLength }) => sum + byteLength, 0);
    this.forget(file);
    this.#contents.set(file, { pieces, sizeBytes });
    this.#sizeBytes += sizeBytes;
    for (const oldest of this.#contents.keys()) {
      if (this.#sizeBytes <= MAX_BYTES) break;
      this.forget(oldest);
    }
  }

  /** Bytes `start` to `endExclusive` in pieces, not to be changed; undefined where it is not kept. */
  get(file: string, start: number, endExclusive: number): Uint8Array[] | undefined {
    const content = this.#contents.get(file);
    if (content === undefined) return undefined;
    this.#contents.delete(file);
    this.#contents.set(file, content);
    let at = 0;
    return content.pieces.flatMap((piece) => {
      const [from, to] = [Math.max(0, start - at), Math.min(piece.byteLength, endExclusive - at)];
      at += piece.byteLength;
      return from < to ? [piece.subarray(from, to)] : [];
    });
  }

  forget(file: string): void {
    this.#sizeBytes -= this.#contents.get(file)?.sizeBytes ?? 0;
    this.#contents.delete(file);
  }
}
