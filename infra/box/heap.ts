// How the engine cares for the memory of the local cloud's own process. All that functions send and read
// passes through it, and lies outside of the JavaScript heap.
import { setFlagsFromString } from "node:v8";

/**
 * By itself V8 collects the whole heap for every 64 MB that come and go outside of it: four times in a round
 * of 20 updates of 2.3 MB, a fifth of this process' time. So it counts them as part of the heap, and has room
 * for what dies young; that takes 30 to 50 MiB more memory.
 */
export function collectRarely(): void {
  setFlagsFromString("--external-memory-accounted-in-global-limit");
  setFlagsFromString("--max-semi-space-size=32");
}
