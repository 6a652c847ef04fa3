// Tokens that cost a call to another service, kept until shortly before they expire.
import { createHash } from "node:crypto";
import { join } from "node:path";
import { readPrivate, writePrivate } from "../profiles/privateFile.ts";
import { claimsOf } from "./claims.ts";

const RENEW_BEFORE_MS = 5 * 60_000;
/** Kept at most; the ones that expire first go first. */
const MAX_TOKENS = 32;

interface Kept {
  readonly token: string;
  readonly expiresAtMs: number;
}

export interface TokenCache {
  /** The token kept under these words, or the one that `make` gives. */
  token(words: readonly string[], make: () => Promise<string>): Promise<string>;
}

/** Where the cache cannot be read or written, each command makes a token of its own. */
export function tokenCache(cacheDir: string, nowMs: () => number): TokenCache {
  const file = join(cacheDir, "tokens.json");
  return {
    token: async (words, make) => {
      const key = createHash("sha256").update(JSON.stringify(words)).digest("hex");
      const known = await readKept(file);
      const kept = known.get(key);
      if (kept !== undefined && nowMs() < kept.expiresAtMs - RENEW_BEFORE_MS) return kept.token;
      const token = await make();
      const { exp } = claimsOf(token);
      if (exp === undefined) return token;
      known.set(key, { token, expiresAtMs: exp * 1_000 });
      const alive = [...known]
        .filter(([, { expiresAtMs }]) => expiresAtMs > nowMs())
        .toSorted(([, a], [, b]) => b.expiresAtMs - a.expiresAtMs)
        .slice(0, MAX_TOKENS);
      await writePrivate(file, `${JSON.stringify(Object.fromEntries(alive))}\n`).catch(() => undefined);
      return token;
    },
  };
}

async function readKept(file: string): Promise<Map<string, Kept>> {
  try {
    const json: unknown = JSON.parse((await readPrivate(file)) ?? "{}");
    return new Map(Object.entries(Object(json)).filter((entry): entry is [string, Kept] => isKept(entry[1])));
  } catch {
    return new Map();
  }
}

function isKept(value: unknown): value is Kept {
  const { token, expiresAtMs } = Object(value);
  return typeof token === "string" && typeof expiresAtMs === "number";
}
