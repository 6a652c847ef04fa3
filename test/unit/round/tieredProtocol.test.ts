// Rounds of tiers that do not wait for each other keep the invariants of the protocol, in every order of
// events.
import { describe } from "vitest";
import { keepsTheProtocol } from "./protocolSuite.ts";
import { tieredSpecArbitrary } from "./world/steps.ts";

describe("the protocol of rounds in tiers", () => {
  // Of two clients, a tier may have none of its own.
  keepsTheProtocol({ specs: tieredSpecArbitrary(6), cases: 100, few: 2 });
});
