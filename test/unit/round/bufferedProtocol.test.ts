// Buffered rounds keep the invariants of the protocol, in every order of events.
import { describe } from "vitest";
import { keepsTheProtocol } from "./protocolSuite.ts";
import { bufferedSpecArbitrary } from "./world/steps.ts";

describe("the protocol of buffered rounds", () => {
  keepsTheProtocol({ specs: bufferedSpecArbitrary(6), cases: 100, few: 3 });
});
