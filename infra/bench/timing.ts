// Measures pieces of work beside each other: taken in turns, so that what disturbs one disturbs the others.
import { median } from "simple-statistics";

/**
 * The median milliseconds of each piece of work over `repeats` turns, after one that is not counted. Work
 * that is compared belongs into one call.
 */
export async function medianMs<Name extends string>(
  work: Readonly<Record<Name, () => void | Promise<void>>>,
  repeats: number,
): Promise<Record<Name, number>> {
  const times = new Map<string, number[]>();
  for (let turn = 0; turn <= repeats; turn++) {
    for (const name in work) {
      const startedMs = performance.now();
      await work[name]();
      const elapsedMs = performance.now() - startedMs;
      if (turn > 0) times.set(name, [...(times.get(name) ?? []), elapsedMs]);
    }
  }
  const medians: Partial<Record<Name, number>> = {};
  for (const name in work) medians[name] = median(times.get(name) ?? []);
  return medians as Record<Name, number>;
}

/** Gigabytes (10^9) a second. */
export function gigabytesPerSecond(bytes: number, ms: number): number {
  return bytes / 1e6 / ms;
}
