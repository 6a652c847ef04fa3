// Whether a value is one that its document's schema lets through to the database.
import { z } from "zod";

export function isValid<T>(schema: z.ZodType<T>, value: T): boolean {
  return z.safeEncode(schema, value).success;
}
