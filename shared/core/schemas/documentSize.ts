// How large a document is in Firestore, which takes none above 1 MiB.

/** Bytes of a document at most, its name included. */
export const MAX_DOCUMENT_BYTES = 1_048_576;

/**
 * Bytes of a value as Firestore counts them, a little more rather than less. What is absent counts nothing.
 * https://firebase.google.com/docs/firestore/storage-size
 */
export function storedBytes(value: unknown): number {
  if (value === undefined) return 0;
  if (typeof value === "string") return utf8Bytes(value) + 1;
  if (Array.isArray(value)) return value.reduce((sum: number, item) => sum + storedBytes(item), 0);
  if (typeof value !== "object" || value === null) return 8;
  return Object.entries(value).reduce(
    (sum, [key, item]) => (item === undefined ? sum : sum + utf8Bytes(key) + 1 + storedBytes(item)),
    32,
  );
}

/** Bytes of a text; a surrogate pair counts 6 rather than 4. */
function utf8Bytes(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 0x7f) bytes += unit > 0x7ff ? 2 : 1;
  }
  return bytes;
}
