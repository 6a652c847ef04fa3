// A file of text that is written piece by piece, without a call of the system for each.
import { open } from "node:fs/promises";

const BUFFER_CHARACTERS = 64 * 1024;

export interface TextFile {
  /** Bytes so far. */
  readonly sizeBytes: number;
  write(text: string): Promise<void>;
  close(): Promise<void>;
}

/** Opens a new file. */
export async function openTextFile(path: string): Promise<TextFile> {
  const handle = await open(path, "wx");
  let waiting: string[] = [];
  let characters = 0;
  let sizeBytes = 0;
  const flush = async () => {
    const text = waiting.join("");
    waiting = [];
    characters = 0;
    await handle.writeFile(text);
  };
  return {
    get sizeBytes() {
      return sizeBytes;
    },
    async write(text) {
      waiting.push(text);
      characters += text.length;
      sizeBytes += Buffer.byteLength(text);
      if (characters >= BUFFER_CHARACTERS) await flush();
    },
    async close() {
      try {
        await flush();
      } finally {
        await handle.close();
      }
    },
  };
}
