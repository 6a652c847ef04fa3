// What kind of data lies at a path: as the features file says, or as most of the files' names say.
import type { DataFile } from "../../shared/cloud/data/files.ts";
import { isOfKind, kindOf } from "../../shared/cloud/data/openData.ts";
import type { Features } from "../../shared/core/data/features.ts";
import { FlError } from "../../shared/core/errors.ts";

export type Kind = Features["kind"];
/** Of as many files of each, the first. */
const KINDS: readonly Kind[] = ["table", "arrays", "images", "text"];

/** Those files that are of one kind, in order. */
export interface KindOfFiles {
  readonly kind: Kind;
  readonly files: readonly DataFile[];
}

/**
 * @param given the kind that a features file says
 * @throws FlError("invalid-argument") where no file has an ending that is read
 */
export function filesOfKind(path: string, all: readonly DataFile[], given: Kind | undefined): KindOfFiles {
  // What is named alone is what its features file says, whatever it is called.
  if (given !== undefined && all.length === 1) return { kind: given, files: all };
  const kind = given ?? mostOf(all);
  const files = all.filter((file) => (given === undefined ? kindOf(file) === kind : isOfKind(file, given)));
  if (kind !== undefined && files.length > 0) return { kind, files };
  const what = all.length === 1 ? "its name does not say" : `the names of its ${all.length} files do not say`;
  throw new FlError(
    "invalid-argument",
    given === undefined
      ? `${path} cannot be read: ${what} a format that is read. ${ENDINGS} Convert others in Python, or say by a features file what one is.`
      : `${path} cannot be read: ${what} that they are ${given}, as the features file does. ${ENDINGS}`,
  );
}

const ENDINGS =
  "Tables are .csv, .tsv, .jsonl or .parquet, arrays .safetensors, .npy, .npz or .idx, images .png or .jpg, texts .txt or .md.";

/** The kind that most files are of. */
function mostOf(all: readonly DataFile[]): Kind | undefined {
  const byKind = Map.groupBy(all, kindOf);
  const countOf = (kind: Kind) => byKind.get(kind)?.length ?? 0;
  return KINDS.filter((kind) => byKind.has(kind)).toSorted((a, b) => countOf(b) - countOf(a))[0];
}
