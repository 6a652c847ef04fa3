// What commands need of the local cloud beside its api's address: the operator's token, and which TensorFlow
// its functions work with.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import type { Box } from "../box/box.ts";

/** Tokens are good for an hour; minting one for each call would be work for nothing. */
const RENEW_MS = 30 * 60_000;

/** The operator's identity tokens, for one audience. */
export function tokenCache({
  operatorToken,
}: Pick<Box, "operatorToken">): (audience: string) => Promise<string> {
  let held: { readonly token: string; readonly atMs: number } | null = null;
  return async (audience) => {
    if (held === null || performance.now() - held.atMs > RENEW_MS) {
      held = { token: await operatorToken(audience), atMs: performance.now() };
    }
    return held.token;
  };
}

const SetUp = z.object({ backend: z.string(), reason: z.string(), tensorflowVersion: z.string() });

/** What set-up decided, in its own words. */
export async function backendInWords(root: string): Promise<string> {
  const { backend, reason, tensorflowVersion } = SetUp.parse(
    JSON.parse(await readFile(join(root, ".cache", "setup.json"), "utf8")),
  );
  return `${backend} ${tensorflowVersion} (${reason})`;
}
