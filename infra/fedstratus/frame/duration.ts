// Durations as people write them (90s, 10m, 1h) and moments as they read them (2 h ago).
import { UsageError } from "./failures.ts";

const UNITS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
/** Timers take no more. */
const LONGEST_MS = 20 * 86_400_000;

/** Milliseconds, above 0 and at most 20 days. @param what the option that has it */
export function parseDuration(text: string, what: string): number {
  const [, number = "", unit = ""] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text) ?? [];
  const ms = Number(number) * (UNITS_MS[unit] ?? Number.NaN);
  if (ms > 0 && ms <= LONGEST_MS) return ms;
  throw new UsageError(`${what} must be a duration above 0 and up to 20d, such as 90s, 10m or 1h.`);
}

/** "3 s ago", "2 h ago"; a moment to come is "in 5 min". */
export function relativeText(atMs: number, nowMs: number): string {
  const seconds = Math.round((nowMs - atMs) / 1_000);
  const text = spanText(Math.abs(seconds));
  return seconds < 0 ? `in ${text}` : `${text} ago`;
}

/** "45 s", "12 min", "3 h", "4 d": the largest unit that fits, rounded down. */
export function spanText(seconds: number): string {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 2 * 86_400) return `${Math.floor(seconds / 3_600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}
