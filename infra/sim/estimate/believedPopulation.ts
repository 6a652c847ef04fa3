// One possible world out of what is believed: clients, instances and functions with times drawn from a seed.
// What is not known is drawn once for the whole run; what varies anyway is drawn for each call and round.
import { type Random, randomFrom } from "../../../shared/core/random.ts";
import type { Call, Conduct, Population } from "../population/population.ts";
import type { Beliefs, BelievedClient } from "./beliefs.ts";
import { RUN_SD } from "./beliefs.ts";
import type { Usual } from "./pooling.ts";

/** Tries of a call, and the pause between two, as deployments have them; see infra/box/deployment.ts. */
const DELIVERIES = { most: 3, pauseMs: 1_000 } as const;
/** An update in 20 is believed to fail where nothing was seen, and as little as one call says otherwise. */
const FAILING = { share: 0.05, weight: 1 } as const;
/** A gamma variable of a shape near 0 underflows. */
const LEAST_SHAPE = 0.02;

/** What was drawn while the run was simulated, to say what its cost is for. */
export interface Tally {
  /** By client: ms of cold starts, the loading after the claim among them. */
  readonly coldMs: ReadonlyMap<string, number>;
  readonly coldStarts: number;
  readonly calls: number;
  readonly updates: number;
  readonly woken: number;
  readonly evaluatorMs: number;
  readonly evaluations: number;
}

export interface BelievedWorld {
  readonly population: Population;
  readonly preparationMs: number;
  readonly tally: () => Tally;
}

interface DrawnClient {
  readonly client: BelievedClient;
  readonly trainMs: number;
  readonly otherMs: number;
  readonly failing: number;
  readonly silent: number;
}

/** @param seed the same one draws the same world */
export function believedPopulation(beliefs: Beliefs, seed: number): BelievedWorld {
  const { own, callSd, roundSd, idleMs } = beliefs;
  const drawnOnce = (what: string) => randomFrom(seed, "estimate", what);
  /** The same for all clients and functions: how much slower this run is than those that were seen. */
  const common = drawnOnce("run").normal();
  const drawn = new Map(
    beliefs.clients.map((client) => [
      client.clientId,
      drawClient(client, common, randomFrom(seed, "client", client.clientId)),
    ]),
  );
  const ownTime = (name: string, { medianMs, sd, callSd: varies }: Usual, basisSd: number) => {
    const factor = Math.exp(
      basisSd * mixed(common, drawnOnce(name)) + sd * drawnOnce(`${name}/known`).normal(),
    );
    return (round: number) => medianMs * factor * Math.exp(varies * randomFrom(seed, name, round).normal());
  };
  const ownSd = RUN_SD[beliefs.sources.own];
  const clientSd = RUN_SD[beliefs.sources.start];
  const aggregateMs = ownTime("aggregate", own.aggregate, ownSd);
  const openDelayMs = ownTime("open", own.openDelay, ownSd);
  const evaluatorMs =
    own.evaluatorBilled === null
      ? null
      : ownTime("evaluate", own.evaluatorBilled, RUN_SD[beliefs.sources.evaluator ?? "default"]);
  const startMs = ownTime("start", beliefs.start, clientSd);
  const coldSd = RUN_SD[beliefs.sources.cold];
  const coldBeforeMs = ownTime("coldBefore", beliefs.coldBefore, coldSd);
  const coldAfterMs = ownTime("coldAfter", beliefs.coldAfter, coldSd);
  const warmUpMs = ownTime("warmUp", beliefs.warmUp, coldSd);
  const instances = new Instances(beliefs.places, idleMs);
  const coldMs = new Map<string, number>();
  let [coldStarts, calls, updates, woken, evaluated, evaluations] = [0, 0, 0, 0, 0, 0];

  const roundFactor = (round: number) => Math.exp(roundSd * randomFrom(seed, "round", round).normal());

  const conduct = ({ clientId, round, delivery, atMs, workFactor }: Call): Conduct => {
    const one = drawn.get(clientId);
    if (one === undefined) throw new Error(`Nothing is believed of ${clientId}.`);
    const { client } = one;
    const random = randomFrom(seed, "call", clientId, round, delivery);
    const number = callNumber(round, clientId);
    // What ends one try mostly ends the next: what was seen is how a call ended after all of them.
    const fate = randomFrom(seed, "fate", clientId, round).next();
    const [place, varies] = [random.next(), Math.exp(callSd * random.normal())];
    const readyMs = instances.readyAt(atMs) + startMs(number);
    const isCold = !instances.isWarm(client.url, readyMs);
    const [before, after] = isCold ? [coldBeforeMs(number), coldAfterMs(number)] : [0, 0];
    const once = isCold ? warmUpMs(number) : 0;
    const slow = varies * roundFactor(round);
    const wholeMs = after + once + slow * (one.otherMs + workFactor * one.trainMs);
    const ending = fate < one.silent ? "silence" : fate < one.silent + one.failing ? "failure" : "update";
    const limitMs = Math.max(1, 1_000 * client.capacity.timeoutSeconds - before);
    const wantedMs = ending === "update" ? wholeMs : wholeMs * place;
    const isCut = wantedMs > limitMs;
    const workMs = Math.min(wantedMs, limitMs);
    const ended = isCut ? "silence" : ending;
    instances.take(client.url, readyMs, readyMs + before + workMs, ended !== "silence");
    calls += 1;
    if (ended === "update") updates += 1;
    if (isCold) {
      coldStarts += 1;
      coldMs.set(clientId, (coldMs.get(clientId) ?? 0) + before + Math.min(after, workMs));
    }
    return { waitMs: readyMs - atMs, isCold, coldStartMs: before, workMs, ending: ended };
  };

  return {
    preparationMs: ownTime("prepare", own.preparationMs, ownSd)(0),
    tally: () => ({ coldMs, coldStarts, calls, updates, woken, evaluatorMs: evaluated, evaluations }),
    population: {
      clientIds: beliefs.clients.map(({ clientId }) => clientId).toSorted(),
      capacity: beliefs.clients[0]?.capacity ?? { memoryMib: 2_048, vcpu: 1, timeoutSeconds: 540 },
      capacityOf: (clientId) =>
        drawn.get(clientId)?.client.capacity ?? { memoryMib: 2_048, vcpu: 1, timeoutSeconds: 540 },
      deliveries: DELIVERIES,
      // It is part of what passes until a call's claim.
      dispatchMs: 0,
      aggregateMs,
      aggregatorBilledMs: ownTime("aggregator", own.aggregatorBilled, ownSd),
      openDelayMs,
      openBilledMs: ownTime("coordinator", own.openBilled, ownSd),
      ...(evaluatorMs === null
        ? {}
        : {
            evaluatorBilledMs: (round) => {
              const ms = evaluatorMs(round);
              evaluated += ms;
              evaluations += 1;
              return ms;
            },
          }),
      samples: (clientId) => Math.max(1, drawn.get(clientId)?.client.samples ?? USUAL_SAMPLES),
      labels: (clientId) => drawn.get(clientId)?.client.labels ?? {},
      warm: ({ clientId, round, atMs }) => {
        const url = drawn.get(clientId)?.client.url;
        if (url === undefined) return;
        woken += 1;
        const readyMs = instances.readyAt(atMs) + startMs(callNumber(round, clientId));
        const isWarm = instances.isWarm(url, readyMs);
        const lastsMs = isWarm
          ? 0
          : coldBeforeMs(callNumber(round, clientId)) + coldAfterMs(callNumber(round, clientId));
        instances.take(url, readyMs, readyMs + lastsMs, true);
      },
      conduct,
    },
  };
}

/** What a client's update weighs where nobody knows its samples; durations do not depend on it. */
const USUAL_SAMPLES = 100;

function drawClient(client: BelievedClient, common: number, random: Random): DrawnClient {
  const { train, other, basis, updates, failures, silences } = client;
  // Half of what a client's speed may be off is the run's, half its own.
  const factor = Math.exp(RUN_SD[basis] * mixed(common, random));
  const share = (seen: number) =>
    random.gamma(Math.max(LEAST_SHAPE, (FAILING.share / 2) * FAILING.weight + seen));
  const [failing, silent, well] = [
    share(failures),
    share(silences),
    random.gamma(Math.max(LEAST_SHAPE, (1 - FAILING.share) * FAILING.weight + updates)),
  ];
  const all = failing + silent + well;
  return {
    client,
    trainMs: train.medianMs * factor * Math.exp(train.sd * random.normal()),
    otherMs: other.medianMs * factor * Math.exp(other.sd * random.normal()),
    failing: all > 0 ? failing / all : 0,
    silent: all > 0 ? silent / all : 0,
  };
}

/** A normal variable that is correlated with the run's: four fifths of its variance are shared. */
function mixed(common: number, random: Random): number {
  return Math.sqrt(0.8) * common + Math.sqrt(0.2) * random.normal();
}

/** Streams of times are told apart by a number for each call. */
function callNumber(round: number, clientId: string): number {
  let hash = round;
  for (let i = 0; i < clientId.length; i++) hash = (hash * 31 + clientId.charCodeAt(i)) % 2 ** 31;
  return hash;
}

/** Instances of the clients' functions: so many at once, and warm for a while after each call. */
class Instances {
  readonly #places: number | null;
  readonly #idleMs: number;
  /** When each place is free again, where there is a bound. */
  readonly #freeAt: number[] = [];
  /** By function: when each of its instances is free again, and until when it stays. */
  readonly #byUrl = new Map<string, { freeAtMs: number; warmUntilMs: number }[]>();

  constructor(places: number | null, idleMs: number) {
    this.#places = places;
    this.#idleMs = idleMs;
  }

  /** When a call that comes now has a place. */
  readyAt(atMs: number): number {
    if (this.#places === null || this.#freeAt.length < this.#places) return atMs;
    return Math.max(atMs, Math.min(...this.#freeAt));
  }

  isWarm(url: string, atMs: number): boolean {
    return this.#warmAt(url, atMs) !== undefined;
  }

  /** @param survives whether the instance is there afterwards. */
  take(url: string, fromMs: number, untilMs: number, survives: boolean): void {
    const all = this.#byUrl.get(url) ?? [];
    this.#byUrl.set(url, all);
    const warm = this.#warmAt(url, fromMs);
    if (warm !== undefined) all.splice(all.indexOf(warm), 1);
    if (survives) all.push({ freeAtMs: untilMs, warmUntilMs: untilMs + this.#idleMs });
    if (this.#places === null) return;
    if (this.#freeAt.length < this.#places) this.#freeAt.push(untilMs);
    else this.#freeAt[this.#freeAt.indexOf(Math.min(...this.#freeAt))] = untilMs;
  }

  /** The one that was used last. */
  #warmAt(url: string, atMs: number): { freeAtMs: number; warmUntilMs: number } | undefined {
    return this.#byUrl
      .get(url)
      ?.filter(({ freeAtMs, warmUntilMs }) => freeAtMs <= atMs && atMs <= warmUntilMs)
      .toSorted((a, b) => b.freeAtMs - a.freeAtMs)[0];
  }
}
