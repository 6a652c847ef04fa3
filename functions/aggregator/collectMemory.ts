// Gives memory back in time. Pieces of downloads and the sums of a fold lie outside of the JavaScript heap, and the engine lets
// more of it pile up than the model has that the aggregation works on.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Of downloads, between two collections of what is young; each takes less than a millisecond. */
const YOUNG_BYTES = 2 * 2 ** 20;
/** Of downloads, between two collections of everything, for what lived through those; each takes some 20 ms. */
const ALL_BYTES = 256 * 2 ** 20;
/** Worth a collection of everything at once. */
const MUCH_BYTES = 32 * 2 ** 20;

type Collect = (options: { readonly type: "minor" | "major" }) => void;

let made: Collect | undefined;
let [youngBytes, allBytes] = [0, 0];

/** To be told the size of every piece of a download that nobody needs any more. */
export function pieceUsed(sizeBytes: number): void {
  youngBytes += sizeBytes;
  allBytes += sizeBytes;
  if (allBytes >= ALL_BYTES) collectAll();
  else if (youngBytes >= YOUNG_BYTES) {
    youngBytes = 0;
    collect({ type: "minor" });
  }
}

/** To be told the size of something long-lived that nobody refers to any more. */
export function memoryUsed(sizeBytes: number): void {
  if (sizeBytes >= MUCH_BYTES) collectAll();
}

function collectAll(): void {
  [youngBytes, allBytes] = [0, 0];
  collect({ type: "major" });
}

function collect(options: Parameters<Collect>[0]): void {
  made ??= collection();
  made(options);
}

/** The engine's own collection, which it gives to contexts made after this flag. */
function collection(): Collect {
  setFlagsFromString("--expose-gc");
  const given: unknown = runInNewContext("globalThis.gc");
  return typeof given === "function" ? (options) => void given(options) : () => {};
}
