// What an instance keeps of the objects that it has read: where it trains for several clients of a round, one
// after the other, they all begin from the same version.
import type { downloadUnlessSame, Link, TaggedObject } from "./links.ts";

/** An object of more bytes is not kept: between two invocations an instance would hold it for nothing. */
const MAX_KEPT_BYTES = 16 * 2 ** 20;

export interface KeptRead {
  /** In memory of its own. */
  readonly content: Uint8Array;
  /** What came over the network: 0 where the object has not changed. */
  readonly receivedBytes: number;
}

interface Kept extends TaggedObject {
  /** The link without its signature. */
  readonly place: string;
}

/**
 * Reads objects as `read` does, and keeps the last one of each kind (`what`). The storage is asked every time
 * and checks the link; where the object is still the one that is kept, it answers without the bytes.
 */
export function keepingObjects(
  read: typeof downloadUnlessSame,
): (link: Link, what: string, maxBytes: number) => Promise<KeptRead> {
  const kept = new Map<string, Kept>();
  return async (link, what, maxBytes) => {
    const { origin, pathname } = new URL(link.url);
    const place = `${origin}${pathname}`;
    const last = kept.get(what);
    const known = last?.place === place && last.content.byteLength <= maxBytes ? last : undefined;
    if (known === undefined) kept.delete(what); // It would lie in memory beside the next one.
    const found = await read(known, link, what, maxBytes);
    if (found === known) return { content: found.content.slice(), receivedBytes: 0 };
    const { content, etag } = found;
    if (etag !== undefined && content.byteLength <= MAX_KEPT_BYTES) {
      kept.set(what, { place, etag, content: content.slice() });
    }
    return { content, receivedBytes: content.byteLength };
  };
}
