// Draws a population from a scenario and a seed: columns of numbers, so that a million clients are a few
// megabytes.
import { type Random, randomFrom } from "../../../shared/core/random.ts";
import { atLevel, type Scenario } from "../scenario/scenario.ts";
import { type Call, type Conduct, type Population, unreachable } from "./population.ts";

const kinds = ["well", "crash", "slow", "flaky", "unwell"] as const;
type Kind = (typeof kinds)[number];

/**
 * @param level the share of clients that are stragglers, 0..1: floor(level * clients) of them, as published.
 */
export function drawPopulation(scenario: Scenario, level: number, seed: number): Population {
  const { clients, work, coldStart, capacity, availability } = scenario;
  const width = String(clients).length;
  const clientIds = Array.from({ length: clients }, (_, i) => `client-${String(i + 1).padStart(width, "0")}`);
  const indexOf = (clientId: string): number => Number(clientId.slice("client-".length)) - 1;
  const kindOf = drawKinds(scenario, level, seed);
  const workMs = column(
    clients,
    randomFrom(seed, "work"),
    (random) => 1_000 * work.seconds * Math.exp(work.clientSpread * random.normal()),
  );
  const [leastSlow, mostSlow] = scenario.slowFactor;
  const slowFactor = column(
    clients,
    randomFrom(seed, "slow"),
    (random) => leastSlow + (mostSlow - leastSlow) * random.next(),
  );
  const phase = column(clients, randomFrom(seed, "phase"), (random) => random.next());
  /**
   * Until when the client's instance stays warm, and from when. A call that comes while it works needs
   * another one.
   */
  const [freeAtMs, warmUntilMs] = [new Float64Array(clients), new Float64Array(clients).fill(-1)];

  const isOnline = (index: number, atMs: number): boolean => {
    if (availability === undefined) return true;
    const turn = atMs / (1_000 * availability.periodSeconds) + (phase[index] ?? 0);
    return turn - Math.floor(turn) < availability.onlineShare;
  };

  const failureProbability = atLevel<number>(scenario.failures.at, level, scenario.failures.probability);
  const ending = (kind: Kind, random: Random): Ending => {
    const [isFailing, isLost] = [
      random.next() < failureProbability,
      random.next() < scenario.flakyProbability,
    ];
    const dies: Ending = { ending: "silence", share: scenario.crash.afterShare };
    if (kind === "crash") return scenario.crash.manner === "fails" ? fails : dies;
    if (kind === "unwell") return scenario.unwell.manner === "fails" ? fails : neverEnds;
    if (isFailing) return scenario.failures.manner === "fails" ? fails : neverEnds;
    return kind === "flaky" && isLost ? dies : { ending: "update", share: 1 };
  };

  const hiccup = (random: Random): number => {
    const { probability, factor } = work.hiccups;
    const [isHeldUp, place] = [random.next() < probability, random.next()];
    return isHeldUp ? factor[0] + (factor[1] - factor[0]) * place : 1;
  };

  const isWarmAt = (index: number, atMs: number): boolean =>
    atMs >= (freeAtMs[index] ?? 0) && atMs <= (warmUntilMs[index] ?? -1);

  const drawColdStart = (random: Random): number =>
    1_000 * coldStart.seconds * Math.exp(coldStart.spread * random.normal());

  const warm: Population["warm"] = ({ clientId, round, atMs }) => {
    const index = indexOf(clientId);
    if (!isOnline(index, atMs) || atMs < (freeAtMs[index] ?? 0)) return;
    const startMs = isWarmAt(index, atMs) ? 0 : drawColdStart(randomFrom(seed, "warm", index, round));
    freeAtMs[index] = atMs + startMs;
    warmUntilMs[index] = atMs + startMs + 1_000 * coldStart.idleSeconds;
  };

  const conduct = ({ clientId, round, delivery, atMs, workFactor }: Call): Conduct => {
    const index = indexOf(clientId);
    if (!isOnline(index, atMs)) return unreachable;
    const random = randomFrom(seed, "call", index, round, delivery);
    const kind = kinds[kindOf[index] ?? 0] ?? "well";
    const isWarm = isWarmAt(index, atMs);
    const coldStartMs = drawColdStart(random);
    const slowness = kind === "slow" ? (slowFactor[index] ?? 1) : 1;
    const wholeMs =
      (workMs[index] ?? 0) *
      hiccup(random) *
      slowness *
      workFactor *
      Math.exp(work.callSpread * random.normal());
    const end = ending(kind, random);
    const limitMs = 1_000 * capacity.timeoutSeconds;
    // The platform ends a call at its function's time-out, without a word to anybody.
    const isCutOff = wholeMs * end.share > limitMs;
    const lastsMs = isCutOff ? limitMs : wholeMs * end.share;
    const startMs = isWarm ? 0 : coldStartMs;
    freeAtMs[index] = atMs + startMs + lastsMs;
    const survives = !isCutOff && end.ending !== "silence";
    warmUntilMs[index] = survives ? (freeAtMs[index] ?? 0) + 1_000 * coldStart.idleSeconds : -1;
    const ended = isCutOff ? "silence" : end.ending;
    return { waitMs: 0, isCold: !isWarm, coldStartMs: startMs, workMs: lastsMs, ending: ended };
  };

  const labels = Object.entries(scenario.labels);
  const labelsOf = (clientId: string) =>
    Object.fromEntries(
      labels.flatMap(([name, values]) => {
        let left = randomFrom(seed, "label", name, indexOf(clientId)).next();
        const drawn = Object.entries(values).find(([, part]) => {
          left -= part;
          return left < 0;
        });
        return drawn === undefined ? [] : [[name, drawn[0]]];
      }),
    );

  return {
    clientIds,
    capacity,
    deliveries: { most: scenario.attempts, pauseMs: 1_000 * scenario.retrySeconds },
    dispatchMs: 1_000 * scenario.dispatchSeconds,
    aggregateMs: () => 1_000 * scenario.aggregateSeconds,
    openDelayMs: () => 0,
    samples: () => 100,
    labels: labelsOf,
    attack: drawAttack(scenario, clientIds, seed),
    warm,
    conduct,
  };
}

function drawAttack(
  { attack }: Scenario,
  clientIds: readonly string[],
  seed: number,
): NonNullable<Population["attack"]> {
  if (attack === undefined) return () => null;
  const { share, ...own } = attack;
  const count = Math.round(share * clientIds.length);
  const malicious = new Set(randomFrom(seed, "attackers").sample(clientIds, count));
  return (clientId) => (malicious.has(clientId) ? own : null);
}

interface Ending {
  readonly ending: Conduct["ending"];
  /** How much of its work the call does. */
  readonly share: number;
}
const fails: Ending = { ending: "failure", share: 0 };
const neverEnds: Ending = { ending: "silence", share: Number.POSITIVE_INFINITY };

function column(length: number, random: Random, draw: (random: Random) => number): Float64Array {
  const values = new Float64Array(length);
  for (let i = 0; i < length; i++) values[i] = draw(random);
  return values;
}

/** The kind of every client: first who straggles, then how, then who of the others is unwell. */
function drawKinds({ clients, stragglers, unwell }: Scenario, level: number, seed: number): Uint8Array {
  const kindOf = new Uint8Array(clients);
  const order = randomFrom(seed, "stragglers").shuffle(Array.from({ length: clients }, (_, i) => i));
  const straggling = Math.floor(level * clients + 1e-9);
  const counts: readonly (readonly [Kind, number])[] = [
    ["slow", Math.round(straggling * stragglers.slow)],
    ["flaky", Math.round(straggling * stragglers.flaky)],
  ];
  let next = 0;
  for (const [kind, count] of counts) {
    for (const index of order.slice(next, next + count)) kindOf[index] = kinds.indexOf(kind);
    next += count;
  }
  for (const index of order.slice(next, straggling)) kindOf[index] = kinds.indexOf("crash");
  const unwellCount = atLevel<number>(unwell.at, level, 0);
  for (const index of order.slice(straggling, straggling + unwellCount))
    kindOf[index] = kinds.indexOf("unwell");
  return kindOf;
}
