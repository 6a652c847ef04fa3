// Cursors of listings: opaque to callers, the sort key of the last item inside.
import * as z from "zod";
import { FlError } from "../../core/errors.ts";
import { RoundNumber, RunId } from "../../core/schemas/ids.ts";

export function encodeCursor(key: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(key)).toString("base64url");
}

/** Where a cursor is given, and where callers have it from. */
interface CursorWords {
  readonly path: string;
  readonly from: string;
}

const OF_A_PAGE: CursorWords = { path: "cursor", from: "nextCursor of the page before" };

/**
 * The sort key in a cursor.
 *
 * @throws FlError("invalid-argument") for anything that is no cursor of this listing.
 */
export function decodeCursor<T>(
  cursor: string,
  schema: z.ZodType<T>,
  { path, from }: CursorWords = OF_A_PAGE,
): T {
  const problem = () =>
    new FlError("invalid-argument", `The cursor is not valid: use ${from}.`, {
      problems: [{ path, message: `use ${from}` }],
    });
  let key: unknown;
  try {
    key = JSON.parse(Buffer.from(cursor, "base64url").toString("utf8"));
  } catch {
    throw problem();
  }
  const parsed = schema.safeParse(key);
  if (!parsed.success) throw problem();
  return parsed.data;
}

const DocumentName = z.string().regex(/^[A-Za-z0-9-]{1,100}$/);

/** The years 1 to 9999: other moments have no timestamp in Firestore. */
export const EpochMs = z.number().int().min(-62_135_596_800_000).max(253_402_300_799_999);

/** A listing ordered by document name alone. */
export const NameCursor = z.tuple([DocumentName]);

/** A listing ordered by a moment, then by document name. */
export const InstantCursor = z.tuple([EpochMs, DocumentName]);

/** A listing ordered by round, then by document name. */
export const RoundCursor = z.tuple([RoundNumber, DocumentName]);

/** A client's invocations, ordered by a moment, then by run and round. */
export const InvocationCursor = z.tuple([EpochMs, RunId, RoundNumber]);
