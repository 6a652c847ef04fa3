// Many files that grow at the same time, without an open file for each and within a bound of memory.
import { appendFile, writeFile } from "node:fs/promises";

/** What waits to be written, of all files together. */
const WAITING_BYTES = 2 ** 25;

export interface ManyFiles {
  /** Resolves when there is room for more. */
  append(file: number, bytes: Uint8Array | string): Promise<void>;
  /** Writes what waits. */
  finish(): Promise<void>;
}

/** Makes the files, which must not exist yet. */
export async function appendMany(paths: readonly string[], waitingBytes = WAITING_BYTES): Promise<ManyFiles> {
  for (const path of paths) await writeFile(path, "", { flag: "wx" });
  const waiting: Buffer[][] = paths.map(() => []);
  const sizes = new Float64Array(paths.length);
  let sum = 0;
  const flush = async (file: number) => {
    const [path, parts = []] = [paths[file], waiting[file]];
    if (path === undefined || parts.length === 0) return;
    waiting[file] = [];
    sum -= sizes[file] ?? 0;
    sizes[file] = 0;
    await appendFile(path, Buffer.concat(parts));
  };
  const flushAll = async () => {
    for (const file of paths.keys()) await flush(file);
  };
  return {
    async append(file, bytes) {
      const part = Buffer.from(bytes);
      waiting[file]?.push(part);
      sizes[file] = (sizes[file] ?? 0) + part.byteLength;
      sum += part.byteLength;
      if (sum >= waitingBytes) await flushAll();
    },
    finish: flushAll,
  };
}
