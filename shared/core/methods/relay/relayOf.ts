// Finds a relay's behaviour.
import { relayBehaviours } from "../registry/relay.ts";
import type { RelayOptions } from "./options.ts";
import type { RelayMethod } from "./relayMethod.ts";

type Methods = {
  readonly [Name in RelayOptions["strategy"]]: RelayMethod<Extract<RelayOptions, { strategy: Name }>>;
};

const methods: Methods = relayBehaviours;

/** The method that these options are of; it takes no others. */
export function relayOf({ strategy }: RelayOptions): RelayMethod<RelayOptions> {
  return methods[strategy] as RelayMethod<RelayOptions>;
}
