// Who takes part in the demo: clients with names, some slow, one that always crashes. Drawn from the seed.
import { randomFrom } from "../../../shared/core/random.ts";
import type { ClientFunction } from "../../box/box.ts";
import type { FaultRule } from "../../box/runtime/faults.ts";

export interface Population {
  readonly clientIds: readonly string[];
  readonly slow: readonly string[];
  readonly crashing: readonly string[];
}

interface FunctionOptions {
  readonly own: boolean;
  readonly instances: number;
  readonly timeoutSeconds: number;
  readonly idleSeconds: number;
}

/** The name of the function that trains for all. */
const SHARED = "clinics";

/** One client in ten is slow, at least one of three; one of four or more crashes. */
const SLOW_SHARE = 0.1;
/** A slow client gets a fifth of the time that others get. */
const SLOW_FACTOR = 5;
/** Less than any of its work takes. */
const CRASH_AFTER_MS = 300;

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

/**
 * What happens to their invocations, as rules for the functions that train for them. The same client's calls
 * of other functions are left alone: what is slow then is slow for all.
 */
export function faultsOf(
  { slow, crashing }: Population,
  { nameOf }: Pick<DemoFunctions, "nameOf">,
): readonly FaultRule[] {
  const ofClients = (clientIds: readonly string[]) =>
    [...Map.groupBy(clientIds, nameOf)].map(([name, ids]) => ({
      function: name,
      match: { field: "clientId", in: ids },
      probability: 1,
    }));
  return [
    ...ofClients(crashing).map((rule) => ({
      kind: "crash-during" as const,
      afterMs: CRASH_AFTER_MS,
      ...rule,
    })),
    ...ofClients(slow).map((rule) => ({ kind: "slow" as const, factor: SLOW_FACTOR, ...rule })),
  ];
}

/** What trains for the clients, and which of them trains for which. */
export interface DemoFunctions {
  readonly functions: readonly ClientFunction[];
  readonly nameOf: (clientId: string) => string;
}

/**
 * One function with as many instances as this machine serves at once, which stay warm from client to client;
 * or one for each client, as organisations have them.
 *
 * @param instances of the one function, at least 1
 */
export function demoFunctions(
  { clientIds }: Population,
  { own, instances, timeoutSeconds, idleSeconds }: FunctionOptions,
): DemoFunctions {
  const more = (maxInstances: number) => ({ shape: { maxInstances, timeoutSeconds }, idleSeconds });
  if (own) {
    const functions = clientIds.map((clientId) => ({ name: clientId, clientId, ...more(1) }));
    return { functions, nameOf: (clientId) => clientId };
  }
  return { functions: [{ name: SHARED, clientId: "all", ...more(instances) }], nameOf: () => SHARED };
}
