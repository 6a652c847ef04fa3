// What to ask of a document of which only a part is read.
import type * as z from "zod";

/** The fields of a schema, and the version that says whether they can be read. */
export function fieldsOf(schema: z.ZodObject): readonly string[] {
  return [...Object.keys(schema.shape), "schemaVersion"];
}
