// What a download has brought and nobody holds any longer is given back long before the engine would.
import { expect, it } from "vitest";
import { pieceCollector } from "../../../functions/aggregator/pieceCollector.ts";

const PIECE = 2 ** 16;
const PIECES = 640;

it("keeps a few megabytes of used pieces at most", async () => {
  const used = pieceCollector();
  const before = process.memoryUsage().arrayBuffers;
  let most = 0;
  for (let count = 0; count < PIECES; count++) {
    used(Buffer.alloc(PIECE).byteLength);
    await new Promise((resolve) => setImmediate(resolve));
    most = Math.max(most, process.memoryUsage().arrayBuffers - before);
  }
  expect(most).toBeLessThan(8 * 2 ** 20);
});
