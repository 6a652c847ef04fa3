// Points in time: whole microseconds since 1970 inside the server, google.protobuf.Timestamp on the wire.
import type { Timestamp } from "./messages.ts";

/**
 * Whole microseconds since 1970-01-01 UTC; exact in a number for any time of this server (below 2^53 until
 * the year 2255).
 */
export type Micros = number;

export function toTimestamp(time: Micros): Timestamp {
  const seconds = Math.floor(time / 1_000_000);
  return { seconds: String(seconds), nanos: (time - seconds * 1_000_000) * 1_000 };
}

/** Drops what is below a microsecond, as the database does. */
export function fromTimestamp(timestamp: Timestamp): Micros {
  return Number(timestamp.seconds ?? "0") * 1_000_000 + Math.floor((timestamp.nanos ?? 0) / 1_000);
}

/** The server's clock: follows the wall clock, never goes back, and gives every commit a time of its own. */
export class CommitClock {
  private last: Micros;

  /** @param after  every time it gives is after this one */
  constructor(after: Micros = 0) {
    this.last = after;
  }

  /** A time not before any given so far: for reads. */
  now(): Micros {
    this.last = Math.max(this.last, Date.now() * 1_000);
    return this.last;
  }

  /** A time after every one given so far: for commits. */
  next(): Micros {
    this.last = Math.max(this.last + 1, Date.now() * 1_000);
    return this.last;
  }
}
