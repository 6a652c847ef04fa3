// Whether a client will be there at a time: by its own forecast, else by when it was seen and when not.
import type { RosterEntry } from "../strategy.ts";
import { openedAtMs, type ReflState } from "./state.ts";

export const REFL_SIGNALS = ["available-seconds", "away-seconds"] as const;

/** Of a period: observations count for less, the further from the time in question they were made. */
const REACH = 1 / 24;

/** What is assumed without any observation, in observations: that the client is there. */
const PRIOR = 0.25;

/** How likely a client is there at each of these times, in [0, 1]; ms since 1970. */
export function availabilityAt(
  client: RosterEntry,
  atMs: readonly number[],
  state: ReflState,
  periodSeconds: number,
): readonly number[] {
  const missedAtMs = client.missedRounds.flatMap((round) => openedAtMs(state, round) ?? []);
  const { lastSeenMs = null } = client;
  return atMs.map((ms) => {
    const told = forecast(client, ms, periodSeconds);
    if (told !== null) return told ? 1 : 0;
    const weight = (seenMs: number): number => closeness(ms, seenMs, 1_000 * periodSeconds);
    const away = missedAtMs.reduce((sum, missedMs) => sum + weight(missedMs), 0);
    const there = PRIOR + (lastSeenMs === null ? 0 : weight(lastSeenMs));
    return there / (there + away);
  });
}

/**
 * What the client has said of that time, in this period or in an earlier one; null where it has said nothing
 * of it.
 */
function forecast(
  { signals = {}, lastSeenMs = null }: RosterEntry,
  atMs: number,
  periodSeconds: number,
): boolean | null {
  const of = (name: (typeof REFL_SIGNALS)[number]): number | undefined =>
    Object.hasOwn(signals, name) ? signals[name] : undefined;
  const available = of("available-seconds");
  if (available === undefined || lastSeenMs === null || atMs < lastSeenMs) return null;
  const seconds = ((atMs - lastSeenMs) / 1_000) % periodSeconds;
  if (seconds <= available) return true;
  const away = of("away-seconds");
  return away === undefined ? null : seconds >= Math.max(0, available) + away;
}

/** Of two times within a period, in (0, 1]: 1 at the same time of it. */
function closeness(ms: number, otherMs: number, periodMs: number): number {
  const turns = Math.abs(ms - otherMs) / periodMs;
  const apart = turns - Math.floor(turns);
  return Math.exp(-0.5 * (Math.min(apart, 1 - apart) / REACH) ** 2);
}
