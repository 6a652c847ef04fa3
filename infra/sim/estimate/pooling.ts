// What can be said of each of many clients from few times of some: partial pooling of logarithms, by the
// normal model with one variance within clients and one between them.

/** A time that is log-normally distributed: its median, and the standard deviation of its logarithm. */
export interface Believed {
  readonly medianMs: number;
  readonly sd: number;
}

export interface Pooled {
  /** What is believed of the client; of one that was never seen, what is believed of any. */
  of(clientId: string): Believed;
  /** From call to call of one client. */
  readonly callSd: number;
  /** Times that it was made from. */
  readonly count: number;
}

/** What spreads are taken to be before anything is seen, and how many times they are worth. */
const PRIOR = { callSd: 0.25, betweenSd: 0.35, weight: 3 } as const;
/** Times are compared by ratio, so there is a least one. */
const LEAST_MS = 1;

/** @param timesMs of each client that was seen; null where no client was. */
export function pool(timesMs: ReadonlyMap<string, readonly number[]>): Pooled | null {
  const groups = [...timesMs].flatMap(([clientId, times]) =>
    times.length === 0 ? [] : [{ clientId, logs: times.map((ms) => Math.log(Math.max(LEAST_MS, ms))) }],
  );
  if (groups.length === 0) return null;
  const means = new Map(
    groups.map(({ clientId, logs }) => [clientId, { mean: meanOf(logs), n: logs.length }]),
  );
  const within = groups.reduce((sum, { logs }) => sum + squares(logs), 0);
  const free = groups.reduce((sum, { logs }) => sum + logs.length - 1, 0);
  const callVariance = shrunk(within, free, PRIOR.callSd);
  const grand = meanOf([...means.values()].map(({ mean }) => mean));
  // What lies between the clients' means beyond what few calls let them differ by.
  const noise = callVariance * meanOf([...means.values()].map(({ n }) => 1 / n));
  const spread = squares([...means.values()].map(({ mean }) => mean)) - (groups.length - 1) * noise;
  const between = shrunk(Math.max(0, spread), groups.length - 1, PRIOR.betweenSd);
  return {
    count: free + groups.length,
    callSd: Math.sqrt(callVariance),
    of: (clientId) => {
      const seen = means.get(clientId);
      const ofMean = between / groups.length;
      if (seen === undefined) return { medianMs: Math.exp(grand), sd: Math.sqrt(between + ofMean) };
      const noiseHere = callVariance / seen.n;
      const weight = between / (between + noiseHere);
      return {
        medianMs: Math.exp(weight * seen.mean + (1 - weight) * grand),
        sd: Math.sqrt(weight * noiseHere),
      };
    },
  };
}

/** One time with nobody's name to it: its median, how far it may be off, and how much it varies. */
export interface Usual extends Believed {
  readonly callSd: number;
}

/** Null of no times. */
export function usual(timesMs: readonly number[]): Usual | null {
  const pooled = pool(new Map([["all", timesMs]]));
  if (pooled === null) return null;
  const { medianMs } = pooled.of("all");
  return { medianMs, sd: pooled.callSd / Math.sqrt(pooled.count), callSd: pooled.callSd };
}

function shrunk(sumOfSquares: number, degrees: number, priorSd: number): number {
  return (sumOfSquares + PRIOR.weight * priorSd ** 2) / (degrees + PRIOR.weight);
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function squares(values: readonly number[]): number {
  const mean = meanOf(values);
  return values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
}
