// What the database would make of a value: whether its schema lets it through, and how large it is there.
import * as z from "zod";

export function isValid<T>(schema: z.ZodType<T>, value: T): boolean {
  return z.safeEncode(schema, value).success;
}

/** Bytes of a document as Firestore counts them, a little more rather than less. */
export function storedBytes(value: unknown): number {
  if (typeof value === "string") return Buffer.byteLength(value) + 1;
  if (Array.isArray(value)) return value.reduce((sum: number, item) => sum + storedBytes(item), 0);
  if (typeof value === "object" && value !== null) {
    return Object.entries(value).reduce((sum, [key, item]) => sum + key.length + 1 + storedBytes(item), 32);
  }
  return 8;
}
