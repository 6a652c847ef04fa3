// Reads a features file.
import { Features } from "../../core/data/features.ts";
import { whyNotText } from "../../core/data/textKind.ts";
import { FlError } from "../../core/errors.ts";
import { inPlainWords, plainProblems } from "../../core/schemas/plainProblems.ts";
import { openSource, type SourceOptions } from "../source.ts";

const MAX_FEATURES_BYTES = 2 ** 23;

/**
 * @throws FlError("invalid-argument") that lists every problem of the file, without its values;
 *   FlError("failed-precondition") where it cannot be read.
 */
export async function readFeatures(address: string, options: SourceOptions): Promise<Features> {
  const parsed = Features.safeParse(await readFeaturesJson(address, options), inPlainWords);
  if (parsed.success) return parsed.data;
  const problems = plainProblems(parsed.error);
  const list = problems
    .slice(0, 20)
    .map(({ path, message }) => (path === "" ? message : `${path}: ${message}`));
  throw new FlError(
    "invalid-argument",
    `The features file at ${address} cannot be used: ${list.join("; ")}.`,
    { problems },
  );
}

/** What it holds, whatever that is. Throws alike. */
export async function readFeaturesJson(address: string, options: SourceOptions): Promise<unknown> {
  const source = await openSource(address, options);
  const chunks: Uint8Array[] = [];
  try {
    let bytes = 0;
    for await (const chunk of source.chunks) {
      chunks.push(chunk);
      bytes += chunk.byteLength;
      if (bytes > MAX_FEATURES_BYTES) {
        throw new FlError(
          "too-large",
          `The features file at ${address} has more than ${MAX_FEATURES_BYTES} bytes.`,
        );
      }
    }
  } finally {
    await source.close();
  }
  const content = Buffer.concat(chunks);
  const other = whyNotText(content);
  if (other !== undefined) {
    throw new FlError("invalid-argument", `The features file at ${address} cannot be read: ${other}.`);
  }
  try {
    // Unlike JSON, a decoder passes over the mark that some editors begin a file with.
    return JSON.parse(new TextDecoder().decode(content));
  } catch (cause) {
    throw new FlError("invalid-argument", `The features file at ${address} is not JSON.`, { cause });
  }
}
