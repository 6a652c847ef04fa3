// Label skew by a number of classes a client. Pure and seeded.
import { FlError } from "../../../shared/core/errors.ts";
import { type Random, randomFrom } from "../../../shared/core/random.ts";
import { byClass, checkCount, checkEnough, cutEvenly, type Labels, type Parts } from "./parts.ts";

export interface PathologicalOptions {
  readonly clients: number;
  readonly seed: number;
  /** How many classes each client knows, at the most. */
  readonly classesPerClient: number;
  /** At least so many samples a client: nothing is moved for it, because that would bring other classes. */
  readonly minSamples?: number;
}

/**
 * Each client is given `classesPerClient` different classes, each class to as many clients as the others (one
 * more or less), and each class's samples are cut evenly among those that have it. Every place once, in
 * random order. Unlike shards, the number of classes is exact where the samples suffice, and sizes follow the
 * classes'.
 *
 * @throws FlError("invalid-argument") when there are fewer classes than a client is to know, when the clients
 *   together know fewer than there are, or when a client would have less than the minimum
 */
export function pathologicalParts(labels: Labels, options: PathologicalOptions): Parts {
  const { clients, seed, classesPerClient, minSamples = 1 } = options;
  checkEnough(labels.length, clients, minSamples);
  checkCount("classesPerClient", classesPerClient);
  const classes = byClass(labels);
  if (classesPerClient > classes.length) {
    throw new FlError(
      "invalid-argument",
      `A client cannot know ${classesPerClient} of ${classes.length} classes: ask for fewer classes a client.`,
    );
  }
  if (clients * classesPerClient < classes.length) {
    throw new FlError(
      "invalid-argument",
      `${clients} clients with ${classesPerClient} classes each cannot hold all ${classes.length} classes: ask for more of either.`,
    );
  }
  const random = randomFrom(seed, "pathological");
  const parts: Parts = Array.from({ length: clients }, () => []);
  const holders = dealClasses(classes.length, options, random);
  for (const [i, places] of classes.entries()) {
    const holding = random.shuffle(holders[i] ?? []);
    for (const [j, piece] of cutEvenly(random.shuffle(places), holding.length).entries()) {
      for (const place of piece) parts[holding[j] ?? 0]?.push(place);
    }
  }
  const poor = parts.filter(({ length }) => length < minSamples).length;
  if (poor > 0) {
    throw new FlError(
      "invalid-argument",
      `${poor} of ${clients} clients would have fewer than ${minSamples} samples: ask for fewer clients, more classes a client, or another seed.`,
    );
  }
  return parts.map((places) => random.shuffle(places));
}

/** The clients that hold each class: every client takes those that the fewest have so far. */
function dealClasses(
  classes: number,
  { clients, classesPerClient }: PathologicalOptions,
  random: Random,
): readonly number[][] {
  const holders: number[][] = Array.from({ length: classes }, () => []);
  for (let client = 0; client < clients; client++) {
    const rarest = random
      .shuffle([...holders.keys()])
      .toSorted((a, b) => (holders[a]?.length ?? 0) - (holders[b]?.length ?? 0));
    for (const one of rarest.slice(0, classesPerClient)) holders[one]?.push(client);
  }
  return holders;
}
