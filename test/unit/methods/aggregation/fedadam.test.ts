// FedAdam: two rounds by hand, over one coordinate at a time.
import { adaptiveServerTests } from "../../../support/adaptiveServer.ts";

adaptiveServerTests({
  strategy: "fedadam",
  beta2: 0.99,
  nextSquare: (square, delta) => 0.99 * square + 0.01 * delta ** 2,
  withoutMemory: { beta1: 0, beta2: 0 },
});
