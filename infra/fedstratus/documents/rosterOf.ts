// The roster of a run, all of its pages.
import * as z from "zod";
import type { Api } from "../frame/api.ts";

/** Page by page: a roster's pages have no limit of their own. @param entry what is read of each client */
export async function rosterOf<Entry>(
  runId: string,
  entry: z.ZodType<Entry>,
  api: Pick<Api, "call">,
): Promise<readonly Entry[]> {
  const Page = z.looseObject({ items: z.array(entry), nextCursor: z.string().nullable() });
  const entries: Entry[] = [];
  let cursor: string | undefined;
  do {
    const query = cursor === undefined ? {} : { cursor };
    const { value } = await api.call({ method: "GET", path: `/v1/runs/${runId}/roster`, query }, Page);
    entries.push(...value.items);
    cursor = value.nextCursor ?? undefined;
  } while (cursor !== undefined);
  return entries;
}
