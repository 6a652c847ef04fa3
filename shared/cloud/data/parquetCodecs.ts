// Decompression of Parquet's pages. What Node has itself stops at the size that a page says it has; a page of
// a few bytes may otherwise become gigabytes.
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from "node:zlib";
import type { Compressors } from "hyparquet";
import { once } from "../once.ts";

/** @throws where a page is damaged, or becomes more than `outputLength` bytes. */
export const codecs = once(async (): Promise<Compressors> => {
  const { compressors } = await import("hyparquet-compressors");
  const within = (maxOutputLength: number) => ({ maxOutputLength: Math.max(1, maxOutputLength) });
  return {
    // The others write into as much memory as the page says.
    ...compressors,
    GZIP: (input, outputLength) => gunzipSync(input, within(outputLength)),
    BROTLI: (input, outputLength) => brotliDecompressSync(input, within(outputLength)),
    ZSTD: (input, outputLength) => zstdDecompressSync(input, within(outputLength)),
  };
});
