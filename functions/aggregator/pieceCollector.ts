// Gives memory of downloads back in time. Every piece that a stream brings is memory outside of the JavaScript heap, and the
// engine lets up to 64 MB of it pile up before it looks: more than the model that the aggregation works on.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Between two collections; each takes less than a millisecond. */
const EVERY_BYTES = 2 * 2 ** 20;

let minor: (() => void) | undefined;

/** To be told the size of every piece that has been used: collects what is young and unused now and then. */
export function pieceCollector(): (sizeBytes: number) => void {
  minor ??= minorCollection();
  const collect = minor;
  let sinceBytes = 0;
  return (sizeBytes) => {
    sinceBytes += sizeBytes;
    if (sinceBytes < EVERY_BYTES) return;
    sinceBytes = 0;
    collect();
  };
}

/** The engine's own collection, which it gives to contexts made after this flag. */
function minorCollection(): () => void {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("globalThis.gc");
  return typeof collect === "function" ? () => collect({ type: "minor" }) : () => {};
}
