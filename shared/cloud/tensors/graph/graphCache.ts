// The graph that a warm instance keeps: its next invocation of the same run need not record it again.
import type { GraphSession } from "./graphSession.ts";

export interface GraphCache {
  /** The session of this key, which is the caller's alone until it is put back; null where there is none. */
  take(key: string): GraphSession | null;
  /** Keeps a session; the one kept before is disposed of. */
  put(key: string, session: GraphSession): void;
}

/** Keeps one session: runs take turns less often than rounds do, and each holds a model's memory. */
export function graphCache(): GraphCache {
  let kept: { readonly key: string; readonly session: GraphSession } | null = null;
  return {
    take(key) {
      if (kept?.key !== key) return null;
      const { session } = kept;
      kept = null;
      return session;
    },
    put(key, session) {
      kept?.session.dispose();
      kept = { key, session };
    },
  };
}
