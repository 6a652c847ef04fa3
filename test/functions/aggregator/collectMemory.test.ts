// Memory no longer held is given back long before the engine would.
import { setImmediate as turn } from "node:timers/promises";
import { expect, it } from "vitest";
import { pieceUsed, tidyUp } from "../../../functions/aggregator/collectMemory.ts";

const MIB = 2 ** 20;
const PIECE = 2 ** 16;
const PIECES = 640;

it("keeps a few megabytes of used pieces at most", async () => {
  const before = process.memoryUsage().arrayBuffers;
  let most = 0;
  for (let count = 0; count < PIECES; count++) {
    pieceUsed(Buffer.alloc(PIECE).byteLength);
    await turn();
    most = Math.max(most, process.memoryUsage().arrayBuffers - before);
  }
  expect(most).toBeLessThan(8 * MIB);
});

it("collects what has lived through collections of the young, every 256 MiB of pieces", async () => {
  const lived = await oldGarbage();
  expect(lived.deref()).toBeDefined();
  await turn();
  for (let mib = 0; mib < 256; mib++) pieceUsed(MIB);
  await turn();
  expect(lived.deref()).toBeUndefined();
});

it("tidies up for much memory, and does not stop for little", async () => {
  const lived = await oldGarbage();
  await turn();
  tidyUp(32 * MIB - 1);
  await turn();
  expect(lived.deref()).toBeDefined();
  await turn();
  tidyUp(32 * MIB);
  await turn();
  expect(lived.deref()).toBeUndefined();
});

/** An unreferenced object that collections of the young generation leave alone. */
async function oldGarbage(): Promise<WeakRef<object>> {
  let held: object | null = { some: "thing" };
  const ref = new WeakRef(held);
  for (let mib = 0; mib < 8; mib++) {
    pieceUsed(MIB);
    await turn();
  }
  held = null;
  return ref;
}
