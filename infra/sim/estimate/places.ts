// How many calls of clients are served at once, told from when calls were sent, claimed and over.
import type { SeenCall } from "./evidence.ts";

type Times = Pick<SeenCall, "sentMs" | "claimedMs" | "endedMs" | "coldMs">;

interface Served {
  readonly sentMs: number;
  readonly claimedMs: number;
  readonly endedMs: number;
  readonly coldMs: number;
}

/** Of the time with anybody at work, what must be with so many at work for it to be no accident. */
const LEAST_SHARE = 0.05;

/**
 * The most calls that are served at once, where others were seen to wait for them; null where none had to.
 *
 * As many as were at work together at the most, if that is what others waited for: all the time that calls
 * waited while so many were at work comes to more than an average call's work.
 */
export function placesSeen(calls: readonly Times[]): number | null {
  const served = calls.flatMap(servedOf);
  if (served.length < 2) return null;
  const times = stretches(served);
  const most = mostAtWork(times);
  const full = times.filter(([, , atWork]) => atWork >= most);
  const waitedMs = served.reduce((sum, call) => sum + waitedWithin(call, full), 0);
  const workMs = served.reduce((sum, { claimedMs, endedMs }) => sum + endedMs - claimedMs, 0);
  return waitedMs > workMs / served.length ? most : null;
}

/** Less is the clocks' inaccuracy, not a call that was sent, routed and answered. */
const LEAST_START_MS = 10;

/**
 * How long each call took to be claimed once there was a place for it, without its cold start, in ms. Of warm
 * calls where there are any: a cold one has more on its way than the start that it measures.
 *
 * @param places as of `placesSeen`
 */
export function startLatencies(calls: readonly Times[], places: number | null): readonly number[] {
  const served = calls.flatMap(servedOf);
  const warm = served.filter(({ coldMs }) => coldMs === 0);
  return (warm.length > 0 ? warm : served).map((call) => {
    const { sentMs, claimedMs, coldMs } = call;
    const others = served.filter((other) => other !== call && other.claimedMs <= claimedMs);
    const ahead = others.filter(({ endedMs }) => endedMs > sentMs);
    const freed = others.map(({ endedMs }) => endedMs).filter((ms) => ms > sentMs && ms <= claimedMs);
    const hadToWait = places !== null && ahead.length >= places && freed.length > 0;
    const readyMs = hadToWait ? Math.max(...freed) : sentMs;
    return Math.max(LEAST_START_MS, claimedMs - readyMs - Math.min(coldMs, claimedMs - readyMs));
  });
}

function servedOf({ sentMs, claimedMs, endedMs, coldMs }: Times): Served[] {
  return claimedMs === null || endedMs === null ? [] : [{ sentMs, claimedMs, endedMs, coldMs }];
}

/** The largest number that were at work together for more than an accident. */
function mostAtWork(times: readonly Stretch[]): number {
  const busyMs = times.reduce(
    (sum, [fromMs, untilMs, atWork]) => sum + (atWork > 0 ? untilMs - fromMs : 0),
    0,
  );
  const lastedMs = (least: number) =>
    times.reduce((sum, [fromMs, untilMs, atWork]) => sum + (atWork >= least ? untilMs - fromMs : 0), 0);
  const numbers = [...new Set(times.map(([, , atWork]) => atWork))].toSorted((a, b) => b - a);
  return Math.max(1, numbers.find((atWork) => lastedMs(atWork) >= LEAST_SHARE * busyMs) ?? 1);
}

function waitedWithin({ sentMs, claimedMs, coldMs }: Served, times: readonly Stretch[]): number {
  // While it starts its own instance it has its place.
  const endMs = claimedMs - Math.min(coldMs, claimedMs - sentMs);
  return times.reduce(
    (sum, [fromMs, untilMs]) => sum + Math.max(0, Math.min(untilMs, endMs) - Math.max(fromMs, sentMs)),
    0,
  );
}

type Stretch = readonly [fromMs: number, untilMs: number, atWork: number];

/** From when until when how many are at work. */
function stretches(served: readonly Served[]): readonly Stretch[] {
  const changes = served
    .flatMap(({ claimedMs, endedMs }) => [
      [claimedMs, 1] as const,
      [Math.max(claimedMs, endedMs), -1] as const,
    ])
    .toSorted(([a, up], [b, down]) => a - b || up - down);
  let atWork = 0;
  return changes.map(([fromMs, change], i) => {
    atWork += change;
    return [fromMs, changes[i + 1]?.[0] ?? fromMs, atWork] as const;
  });
}
