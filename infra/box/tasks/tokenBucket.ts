// The token bucket that limits how fast a queue dispatches, as pure functions of the time.

export interface TokenBucket {
  /** May be a fraction. */
  readonly tokens: number;
  readonly atMs: number;
}

/**
 * How many dispatches may follow each other at once. Production does not publish its rule; this is what its
 * queues show.
 */
export function burstSize(perSecond: number): number {
  return Math.min(Math.max(Math.ceil(perSecond / 5), 10), 100);
}

export function fullBucket(perSecond: number, nowMs: number): TokenBucket {
  return { tokens: burstSize(perSecond), atMs: nowMs };
}

/** The bucket as it stands at `nowMs`. A clock that goes back adds nothing. */
export function refill(bucket: TokenBucket, perSecond: number, nowMs: number): TokenBucket {
  const added = (Math.max(nowMs - bucket.atMs, 0) / 1_000) * perSecond;
  return { tokens: Math.min(bucket.tokens + added, burstSize(perSecond)), atMs: nowMs };
}

/** The earliest time at which a refilled bucket holds one token. */
export function tokenAtMs(bucket: TokenBucket, perSecond: number): number {
  return bucket.atMs + (Math.max(1 - bucket.tokens, 0) / perSecond) * 1_000;
}
