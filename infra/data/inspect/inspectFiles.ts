// Looks at images in a folder a class, and at texts: how many, how large, and a first features file.
import { bytesOf, contentOf, type DataFile } from "../../../shared/cloud/data/files.ts";
import { folderOf } from "../../../shared/cloud/data/images.ts";
import { type ImageSize, imageSize } from "./imageSize.ts";

export interface ImagesLook {
  readonly classes: readonly { readonly name: string; readonly files: number }[];
  /** Different sizes, those of most images first, of the images that were looked at. */
  readonly sizes: readonly (ImageSize & { readonly files: number })[];
  /** Files that are no image, of those that were looked at. */
  readonly unreadable: number;
  readonly looked: number;
  /** Null where none is readable. */
  readonly features: object | null;
}

/** Where an image says its size; what a camera writes before it is seldom more. */
const HEAD_BYTES = 2 ** 16;
const MOST_SIZES = 5;

/** @param most images that are opened; null for all */
export async function inspectImages(
  files: readonly DataFile[],
  most: number | null,
  signal: AbortSignal,
): Promise<ImagesLook> {
  const classes = [...Map.groupBy(files, folderOf)]
    .map(([name, { length }]) => ({ name, files: length }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const found = new Map<string, ImageSize & { files: number }>();
  let unreadable = 0;
  const opened = spread(files, most ?? files.length);
  for (const file of opened) {
    signal.throwIfAborted();
    const size = imageSize(await bytesOf(file, { begin: 0, end: Math.min(file.sizeBytes, HEAD_BYTES) }));
    if (size === null) {
      unreadable++;
      continue;
    }
    const key = `${size.width} ${size.height} ${size.channels}`;
    const known = found.get(key);
    if (known === undefined) found.set(key, { ...size, files: 1 });
    else known.files++;
  }
  const sizes = [...found.values()].toSorted((a, b) => b.files - a.files).slice(0, MOST_SIZES);
  const [usual] = sizes;
  const features = usual && {
    kind: "images",
    classes: classes.map(({ name }) => name),
    height: usual.height,
    width: usual.width,
    channels: [...found.values()].every(({ channels }) => channels === 1) ? 1 : 3,
  };
  return { classes, sizes, unreadable, looked: opened.length, features: features ?? null };
}

/** So many, evenly over all: files of a class lie next to each other. */
function spread(files: readonly DataFile[], most: number): readonly DataFile[] {
  if (files.length <= most) return files;
  return Array.from({ length: most }, (_, i) => files[Math.floor((i * files.length) / most)]).filter(
    (file) => file !== undefined,
  );
}

export interface TextsLook {
  readonly characters: number;
  readonly words: number;
  readonly lines: number;
  readonly distinctCharacters: number;
  readonly features: object;
}

/** Units that a model sees at a time, to begin with. */
const WINDOW = 80;

export async function inspectTexts(files: readonly DataFile[], signal: AbortSignal): Promise<TextsLook> {
  const seen = new Set<string>();
  let [characters, words, lines] = [0, 0, 0];
  for (const file of files) {
    const decoder = new TextDecoder();
    let isInWord = false;
    const take = (text: string) => {
      for (const character of text) {
        characters++;
        seen.add(character);
        if (character === "\n") lines++;
        const isBlank = character.trim() === "";
        if (!isBlank && !isInWord) words++;
        isInWord = !isBlank;
      }
    };
    for await (const chunk of contentOf(file)) {
      signal.throwIfAborted();
      take(decoder.decode(chunk, { stream: true }));
    }
    take(decoder.decode());
  }
  // Bytes need no vocabulary, which would be one of the owner's.
  const features = { kind: "text", unit: "bytes", length: WINDOW };
  return { characters, words, lines, distinctCharacters: seen.size, features };
}
