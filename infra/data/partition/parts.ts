// What the partitioners share: the classes of labels, parts that are evened out, and checks of what is asked
// for.
import { FlError } from "../../../shared/core/errors.ts";

/** The class of every sample: a whole number, or NaN where it has none, which is a class of its own. */
export type Labels = ArrayLike<number>;

/** The places of each client's samples. */
export type Parts = number[][];

/** The places of each class's samples, in the order of the classes; classes without samples are left out. */
export function byClass(labels: Labels): number[][] {
  const places = new Map<number, number[]>();
  for (let place = 0; place < labels.length; place++) {
    const label = labels[place] ?? Number.NaN;
    const known = places.get(label);
    if (known === undefined) places.set(label, [place]);
    else known.push(place);
  }
  // What is not a number comes last, where no comparison would put it in the same place each time.
  const order = (label: number) => (Number.isNaN(label) ? Number.POSITIVE_INFINITY : label);
  return [...places].toSorted(([a], [b]) => order(a) - order(b)).map(([, list]) => list);
}

/** Cuts a list into this many pieces, whose lengths differ by one at the most; earlier ones are no longer. */
export function cutEvenly(list: readonly number[], pieces: number): number[][] {
  const bound = (i: number) => Math.floor((i * list.length) / pieces);
  return Array.from({ length: pieces }, (_, i) => list.slice(bound(i), bound(i + 1)));
}

/** Moves samples from the richest to those below the minimum. There must be enough for all. */
export function levelUp(parts: readonly number[][], minSamples: number): void {
  for (const poor of parts) {
    while (poor.length < minSamples) {
      const richest = parts.reduce((best, part) => (part.length > best.length ? part : best));
      const given = richest.pop();
      if (given === undefined || richest === poor)
        throw new FlError("internal", "No client has samples to give.");
      poor.push(given);
    }
  }
}

/** @throws FlError("invalid-argument") unless it is a whole number from 1 */
export function checkCount(name: string, value: number): void {
  if (Number.isInteger(value) && value >= 1) return;
  throw new FlError("invalid-argument", `${name} must be an integer of at least 1, not ${value}.`);
}

/** @throws FlError("invalid-argument") where so many clients cannot each have the minimum */
export function checkEnough(samples: number, clients: number, minSamples: number): void {
  checkCount("clients", clients);
  checkCount("minSamples", minSamples);
  if (clients * minSamples <= samples) return;
  throw new FlError(
    "invalid-argument",
    `${clients} clients cannot have at least ${minSamples} each of ${samples} samples: ask for fewer clients, or a smaller minimum.`,
  );
}
