// Fashion-MNIST from the addresses its authors publish.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fashionMnistFiles } from "../../data/fashionMnistFiles.ts";
import type { Show } from "../progress.mjs";

const bases = [
  "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
  "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
];
const timeoutMs = 3 * 60_000;

/** Resolves to "" when the files are in the folder, else to the reason why not. */
export async function fetchFromWeb(into: string, show: Show): Promise<string> {
  const reasons: string[] = [];
  for (const base of bases) {
    try {
      for (const { name } of fashionMnistFiles) {
        writeFileSync(join(into, name), await download(new URL(name, base), show));
      }
      return "";
    } catch (error) {
      reasons.push(`${new URL(base).host}: ${describe(error)}`);
    }
  }
  return reasons.join("; ");
}

async function download(address: URL, show: Show): Promise<Uint8Array> {
  const response = await fetch(address, { signal: AbortSignal.timeout(timeoutMs) });
  if (!response.ok || response.body === null) throw new Error(`${address} answered ${response.status}`);
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of response.body) {
    chunks.push(chunk);
    sizeBytes += chunk.length;
    show(`${address.host}, ${(sizeBytes / 1e6).toFixed(1)} MB`);
  }
  return Buffer.concat(chunks);
}

/** fetch hides what happened in the cause. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
