// Pages of a listing as callers ask for them and get them.
import * as z from "zod";
import type { Page, PageRequest } from "../../shared/core/ports/store.ts";

/** Items in a page, at most. */
export const MAX_PAGE = 1_000;

export const PageQuery = z.strictObject({
  limit: z.coerce
    .number("use a whole number from 1 to 1000")
    .int()
    .min(1)
    .max(MAX_PAGE)
    .default(100)
    .describe("Items in the page, at most."),
  cursor: z.string().min(1).max(2_000).optional().describe("nextCursor of the page before."),
});

export function pageOf<T>(item: z.ZodType<T>) {
  return z.strictObject({
    items: z.array(item),
    nextCursor: z.string().nullable(),
    unreadable: z
      .array(z.strictObject({ document: z.string(), reason: z.string() }))
      .describe("Documents of this page that are damaged, with what to do; usually none."),
  });
}

export async function page<T>(
  query: PageRequest,
  list: (request: PageRequest) => Promise<Page<T>>,
): Promise<{ items: T[]; nextCursor: string | null; unreadable: { document: string; reason: string }[] }> {
  const { items, nextCursor, unreadable } = await list(query);
  return {
    items: [...items],
    nextCursor,
    unreadable: unreadable.map(({ path, reason }) => ({ document: path, reason })),
  };
}
