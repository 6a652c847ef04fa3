// What a file that should be text begins with, where that says that it is something else: told from its first
// bytes, so that its owner reads what the file is instead of which columns were not found in it.

/** First bytes, in latin1, of what is often given the name of a table, with what it is and what to do. */
const OTHERS: readonly (readonly [start: string, what: string])[] = [
  [
    "\x1f\x8b",
    "it is compressed by gzip, which its name does not say: end the name in .gz, or decompress it",
  ],
  ["PK\x03\x04", "it is a ZIP archive, as an Excel workbook is: save the table in it as CSV in UTF-8"],
  ["PAR1", "it is a Parquet file: end its name in .parquet"],
  ["\xff\xfe", "it is UTF-16 or UTF-32: save it as UTF-8"],
  ["\xfe\xff", "it is UTF-16: save it as UTF-8"],
  ["\x00\x00\xfe\xff", "it is UTF-32: save it as UTF-8"],
  ["\xd0\xcf\x11\xe0", "it is an old Excel workbook: save the table in it as CSV in UTF-8"],
  ["(\xb5\x2f\xfd", "it is compressed by zstd, which is not read: decompress it, or compress it by gzip"],
  ["BZh", "it is compressed by bzip2, which is not read: decompress it, or compress it by gzip"],
  ["\xfd7zX", "it is compressed by xz, which is not read: decompress it, or compress it by gzip"],
];

/** As many of a file's first bytes tell. */
export const KIND_BYTES = 4;

/**
 * What a file is that is not text in UTF-8, and what to do; undefined where its first bytes may be that.
 *
 * @param head the file's first bytes, at least `KIND_BYTES` where it has so many
 */
export function whyNotText(head: Uint8Array): string | undefined {
  const start = String.fromCharCode(...head.subarray(0, KIND_BYTES));
  const other = OTHERS.find(([bytes]) => start.startsWith(bytes));
  if (other !== undefined) return other[1];
  return start.includes("\0")
    ? "it has NUL bytes, as UTF-16 without a mark and files that are no text have: save it as text in UTF-8"
    : undefined;
}

const [NEWLINE, RETURN, QUOTE] = [10, 13, 34];

/** Looks for the first end of a line, through as many parts of a file as that takes. */
export class LineEndFinder {
  #isQuoted = false;
  #afterReturn = false;

  /**
   * Whether lines end in a carriage return alone; undefined as long as that cannot be told. What stands
   * between quotation marks ends no line.
   */
  isReturnAlone(part: Uint8Array): boolean | undefined {
    for (const byte of part) {
      if (this.#afterReturn) return byte !== NEWLINE;
      if (byte === QUOTE) this.#isQuoted = !this.#isQuoted;
      else if (!this.#isQuoted && byte === NEWLINE) return false;
      else if (!this.#isQuoted && byte === RETURN) this.#afterReturn = true;
    }
    return undefined;
  }
}

export const RETURN_ALONE =
  "its lines end in a carriage return alone, as very old Mac programs write them: save it with line feeds (in Excel: CSV UTF-8), or convert it by tr '\\r' '\\n'";
