// Text files as windows of tokens, to predict the token after each window or after each token.
import type { TextFeatures } from "../../core/data/features.ts";
import { whyNotText } from "../../core/data/textKind.ts";
import { tokenizer } from "../../core/data/tokens.ts";
import { FlError } from "../../core/errors.ts";
import { badFile, contentOf, type DataFile } from "./files.ts";
import { type RowSource, type Rows, rowBytesOf, rowsOfPiece } from "./rows.ts";

const MOST_PIECE_WINDOWS = 1_024;
const BYTES_PER_TOKEN = Uint32Array.BYTES_PER_ELEMENT;

/**
 * Holds the tokens of all files; windows are made of them when they are asked for.
 *
 * @param roomBytes for the texts and their tokens
 * @throws FlError("too-large") where the texts do not fit; FlError("invalid-argument") where one is no UTF-8
 */
export async function openTexts(
  files: readonly DataFile[],
  features: TextFeatures,
  roomBytes: number,
): Promise<RowSource> {
  const texts: Uint32Array[] = [];
  const sizeBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  if (sizeBytes * BYTES_PER_TOKEN > roomBytes) throw tooLarge(files, roomBytes);
  for (const file of files) texts.push(await tokensOf(file, features, roomBytes));
  const { length, stride = length, predict } = features;
  const windows = texts.map((text) => Math.max(0, Math.floor((text.length - 1 - length) / stride) + 1));
  const samples = windows.reduce((sum, count) => sum + count, 0);
  const [any] = files;
  if (any === undefined) throw new RangeError("no files");
  if (samples === 0) {
    throw badFile(any, `none of ${files.length} texts is longer than length = ${length} ${features.unit}`);
  }
  const cut = (text: Uint32Array, first: number, count: number): Rows => {
    const labels = predict === "each" ? length : 1;
    const [x, y] = [new Float32Array(count * length), new Float32Array(count * labels)];
    for (let i = 0; i < count; i++) {
      const begin = (first + i) * stride;
      x.set(text.subarray(begin, begin + length), i * length);
      y.set(text.subarray(begin + length - labels + 1, begin + length + 1), i * labels);
    }
    return { count, x, y };
  };
  const shapes = { inputShape: [length], targetShape: predict === "each" ? [length] : [] };
  const pieceWindows = rowsOfPiece(rowBytesOf(shapes), MOST_PIECE_WINDOWS);
  return {
    ...shapes,
    samples,
    maxRefusedShare: 0,
    async *pieces(tally) {
      for (const [i, text] of texts.entries()) {
        const all = windows[i] ?? 0;
        for (let first = 0; first < all; first += pieceWindows) {
          const count = Math.min(pieceWindows, all - first);
          tally.countUsed(count);
          yield { rows: cut(text, first, count), again: async () => cut(text, first, count) };
        }
      }
    },
  };
}

async function tokensOf(
  file: DataFile,
  { unit, vocabulary = [], lowerCase }: TextFeatures,
  roomBytes: number,
): Promise<Uint32Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of contentOf(file)) {
    chunks.push(chunk);
    bytes += chunk.byteLength;
    if (bytes * BYTES_PER_TOKEN > roomBytes) throw tooLarge([file], roomBytes);
  }
  const content = Buffer.concat(chunks);
  if (unit === "bytes") return Uint32Array.from(content);
  const why = whyNotText(content);
  if (why !== undefined) throw badFile(file, why);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(content);
  } catch (cause) {
    throw badFile(file, "it is no text in UTF-8", cause);
  }
  return Uint32Array.from(tokenizer({ unit, vocabulary, lowerCase })(text, Number.POSITIVE_INFINITY));
}

function tooLarge(files: readonly DataFile[], roomBytes: number): FlError {
  return new FlError(
    "too-large",
    `The texts at ${files[0]?.address ?? ""} do not fit into the ${Math.floor(roomBytes / 2 ** 20)} MiB that this function has for them ` +
      `(${BYTES_PER_TOKEN} bytes a byte of text): give the function more memory, or fewer texts.`,
  );
}
