// Which of two files a row goes to: by its own hash, so that rows which are added later move no other. Pure.
import { murmur3 } from "../../../shared/core/murmur3.ts";

const HASHES = 2 ** 32;

/**
 * @param hash 0..2^32-1
 * @param share of rows in the first file; 1 for all
 */
export function partOf(hash: number, share: number): 0 | 1 {
  return hash < share * HASHES ? 0 : 1;
}

/** A seed apart from a run's: its clients choose their validation rows by the same kind of hash. */
export function splitSeed(seed: number): number {
  return murmur3(new TextEncoder().encode(`split ${seed}`), 0);
}
