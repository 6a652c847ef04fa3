// Chooses how sums are computed: with the processor's vectors where WebAssembly gives them.
import { portableSums } from "./portableSums.ts";
import { simdSums } from "./simdSums.ts";
import type { Sums } from "./sums.ts";

/** `count` sums, all zero. */
export function createSums(count: number): Sums {
  return simdSums(count) ?? portableSums(count);
}
