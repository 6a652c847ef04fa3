// Who takes part in the demo: clients with names, some slow, one that always crashes. Drawn from the seed.
import { randomFrom } from "../../../shared/core/random.ts";
import type { FaultRule } from "../../box/runtime/faults.ts";

export interface Population {
  readonly clientIds: readonly string[];
  readonly slow: readonly string[];
  readonly crashing: readonly string[];
}

/** One client in ten is slow, at least one of three; one of four or more crashes. */
const SLOW_SHARE = 0.1;
/** A slow client gets a fifth of the time that others get. */
const SLOW_FACTOR = 5;
const CRASH_AFTER_MS = 1_500;

/**
 * @param stragglers share of the clients that crash or are slow, half of each (the odd one is slow);
 *   absent: few are.
 */
export function drawPopulation(clients: number, seed: number, stragglers?: number): Population {
  const clientIds = Array.from(
    { length: clients },
    (_, index) => `clinic-${String(index + 1).padStart(2, "0")}`,
  );
  const drawn = randomFrom(seed, "demo", "population").shuffle(clientIds);
  const counts = stragglers === undefined ? fewStragglers(clients) : halves(Math.round(clients * stragglers));
  const crashing = drawn.slice(0, counts.crashing);
  const slow = drawn.slice(crashing.length, crashing.length + counts.slow);
  return { clientIds, slow: slow.sort(), crashing: crashing.sort() };
}

function fewStragglers(clients: number) {
  return {
    crashing: clients >= 4 ? 1 : 0,
    slow: clients >= 3 ? Math.max(1, Math.round(clients * SLOW_SHARE)) : 0,
  };
}

function halves(count: number) {
  const crashing = Math.floor(count / 2);
  return { crashing, slow: count - crashing };
}

/** What happens to them, as rules of the functions runtime; each client has a function of its own name. */
export function faultsOf({ slow, crashing }: Population): readonly FaultRule[] {
  return [
    ...crashing.map(
      (name): FaultRule => ({
        kind: "crash-during",
        function: name,
        probability: 1,
        afterMs: CRASH_AFTER_MS,
      }),
    ),
    ...slow.map((name): FaultRule => ({ kind: "slow", function: name, probability: 1, factor: SLOW_FACTOR })),
  ];
}
