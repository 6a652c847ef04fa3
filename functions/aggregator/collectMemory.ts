// Gives memory back in time. Pieces of downloads and the sums of a fold lie outside of the JavaScript heap,
// and the engine lets more of it pile up than the model has that the aggregation works on.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Of downloads, between two collections of what is young; each takes less than a millisecond. */
const YOUNG_BYTES = 2 * 2 ** 20;
/**
 * Of downloads, between two collections of everything, for what lived through those; each takes some 10 ms.
 */
const ALL_BYTES = 256 * 2 ** 20;
/** Worth a collection of everything that also gives the heap's own room back; it takes some 30 ms. */
const MUCH_BYTES = 32 * 2 ** 20;

/** What the engine is asked for. After the last resort it keeps no room for later, either. */
interface Collection {
  readonly type: "minor" | "major";
  readonly flavor?: "last-resort";
}
type Collect = (collection: Collection) => void;

let made: Collect | undefined;
let [youngBytes, allBytes] = [0, 0];

/** Call it with the size of every piece of a download that is no longer needed. */
export function pieceUsed(sizeBytes: number): void {
  youngBytes += sizeBytes;
  allBytes += sizeBytes;
  if (allBytes >= ALL_BYTES) collectAll({ type: "major" });
  else if (youngBytes >= YOUNG_BYTES) {
    youngBytes = 0;
    collect({ type: "minor" });
  }
}

/** Before and after so much memory is held: collects everything, if it is much. */
export function tidyUp(sizeBytes: number): void {
  if (sizeBytes >= MUCH_BYTES) collectAll({ type: "major", flavor: "last-resort" });
}

function collectAll(collection: Collection): void {
  [youngBytes, allBytes] = [0, 0];
  collect(collection);
}

function collect(collection: Collection): void {
  made ??= collector();
  made(collection);
}

/** The engine's own collection, which it gives to contexts made after this flag. */
function collector(): Collect {
  setFlagsFromString("--expose-gc");
  const given: unknown = runInNewContext("globalThis.gc");
  return typeof given === "function" ? (collection) => void given(collection) : () => {};
}
