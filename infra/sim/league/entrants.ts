// Who plays in the league: the product's default, and every method beside it, alone and with its own
// defaults.
import type { Scenario } from "../scenario/scenario.ts";

export interface Entrant {
  readonly name: string;
  /** What it is, in a few words. */
  readonly title: string;
  /** As of `--strategy`. */
  readonly strategy: string;
  /** The published behaviour, where the strategy has one. */
  readonly paperFaithful?: boolean;
  /** Laid over the run's spec. */
  readonly spec?: Readonly<Record<string, unknown>>;
  /** Robust rules are for federations with attackers. */
  readonly isRobust?: boolean;
}

/** The name of the entrant that is the product's default. */
export const DEFAULT = "default";

/** As the guide to the spec begins: a round closes at half of its updates, and the others join later ones. */
const ours = {
  round: { quorum: 0.5 },
  training: { method: "feddyn" },
  aggregation: { strategy: "feddyn-bounded", staleness: { weight: "polynomial", maxRounds: 5 } },
};

/** So many of a round's updates may be bad, where a rule has to know. */
const MAX_MALICIOUS = 3;

function aggregated(name: string, title: string, more: object = {}): Entrant {
  return { name, title, strategy: "random", spec: { aggregation: { strategy: name, ...more } } };
}

function trained(
  method: string,
  title: string,
  { training = {}, ...spec }: { training?: object; aggregation?: object },
): Entrant {
  return { name: method, title, strategy: "random", spec: { ...spec, training: { method, ...training } } };
}

/** @param minUpdates fewest that the rule can do with. */
function robust(
  strategy: string,
  title: string,
  { minUpdates = 1, ...more }: { minUpdates?: number } & Readonly<Record<string, unknown>> = {},
  name = strategy,
): Entrant {
  const { spec, ...entrant } = aggregated(strategy, title, more);
  return { ...entrant, spec: { ...spec, round: { minUpdates } }, name, isRobust: true };
}

export const entrants: readonly Entrant[] = [
  {
    name: DEFAULT,
    title: "FedLesScan with our changes, rounds closed at half of the updates, FedDyn, `feddyn-bounded`",
    strategy: "fedlesscan",
    spec: ours,
  },
  { name: "fedavg", title: "random clients, weighted mean", strategy: "random" },
  {
    name: "fedprox",
    title: "a proximal term of .01",
    strategy: "random",
    spec: { training: { proximalMu: 0.01 } },
  },
  { name: "fedlesscan", title: "as published", strategy: "fedlesscan", paperFaithful: true },
  { name: "oort", title: "by loss and speed", strategy: "oort" },
  {
    name: "apodotiko",
    title: "by a score of speed, closed at half of the updates",
    strategy: "apodotiko",
    spec: {
      round: { quorum: 0.5 },
      aggregation: { staleness: { weight: "polynomial", exponent: 0.5, maxRounds: 5 } },
    },
  },
  {
    name: "refl",
    title: "the least available first, late updates by disagreement",
    strategy: "refl",
    spec: { aggregation: { strategy: "refl-saa", staleness: { maxRounds: 5 } } },
  },
  {
    name: "i-prof",
    title: "random clients, as much work as each manages",
    strategy: "random",
    spec: { round: { sizing: {} } },
  },
  aggregated("fedavgm", "server momentum"),
  aggregated("fedadagrad", "Adagrad at the server", { serverLearningRate: 0.1 }),
  aggregated("fedadam", "Adam at the server", { serverLearningRate: 0.1 }),
  aggregated("fedyogi", "Yogi at the server", { serverLearningRate: 0.1 }),
  aggregated("fednova", "normalised averaging"),
  {
    name: "fedbuff",
    title: "asynchronous: a version of every five updates",
    strategy: "random",
    spec: {
      round: { buffer: { size: 5 } },
      aggregation: { strategy: "fedbuff", staleness: { weight: "polynomial", maxRounds: 500 } },
    },
  },
  {
    name: "fedat",
    title: "asynchronous tiers of speed, a proximal term of .4",
    strategy: "random",
    spec: {
      aggregation: { strategy: "fedat", staleness: { weight: "constant", maxRounds: 100 } },
      training: { proximalMu: 0.4 },
    },
  },
  {
    name: "chain",
    title: "relays: five clients, one after the other",
    strategy: "random",
    spec: { round: { relay: { strategy: "chain" } } },
  },
  {
    name: "astraea",
    title: "relays of clients with all labels together",
    strategy: "random",
    spec: { round: { relay: { strategy: "astraea" } } },
  },
  {
    name: "fedhisyn",
    title: "relays of clients that are about as fast",
    strategy: "random",
    spec: { round: { relay: { strategy: "fedhisyn" } } },
  },
  trained("scaffold", "the drift of clients corrected by controls", {
    aggregation: { strategy: "scaffold-server" },
  }),
  trained("feddyn", "the drift of clients corrected by a regulariser", {
    training: { alpha: 0.1 },
    aggregation: { strategy: "feddyn-server" },
  }),
  trained("admm", "consensus with duals of the clients", { training: { rho: 0.1 } }),
  {
    name: "adasgd",
    title: "asynchronous, late updates damped exponentially",
    strategy: "random",
    spec: {
      round: { buffer: { size: 5 } },
      aggregation: { strategy: "adasgd", staleness: { maxRounds: 50 } },
    },
  },
  {
    ...trained("client-momentum", "clients send momentum, clipped around the last version", {
      aggregation: { strategy: "centered-clipping" },
    }),
    isRobust: true,
  },
  robust("median", "median of each coordinate", { minUpdates: 3 }),
  robust("trimmed-mean", "mean without the extremes", { maxMalicious: MAX_MALICIOUS, minUpdates: 7 }),
  robust("multi-krum", "the updates nearest to one another", { maxMalicious: MAX_MALICIOUS, minUpdates: 9 }),
  robust("geometric-median", "RFA"),
  robust("centered-clipping", "clipped around the last version"),
  robust("norm-median", "no longer than the median update"),
  robust("bgmd", "geometric median of blocks", { minUpdates: 3 }),
  robust(
    "trimmed-mean",
    "mean without the extremes, of nearest neighbours' means",
    { maxMalicious: MAX_MALICIOUS, before: { step: "nnm" }, minUpdates: 7 },
    "nnm, trimmed-mean",
  ),
];

/** Those that play in a scenario. */
export function entrantsIn({ attack }: Pick<Scenario, "attack">): readonly Entrant[] {
  return entrants.filter(({ isRobust = false }) => !isRobust || attack !== undefined);
}
