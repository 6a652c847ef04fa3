// Where a command's result goes: into a file (`--out`), onto standard output as one document (`--json`).
import { FlError } from "../../shared/core/errors.ts";
import { requireWritableFile, writeResult } from "./files.ts";

export const OUT_FLAG = "--out <file>";
/** Its file is what `--out` names now; it goes with the next release. */
export const JSON_FLAG = "--json [file]";
export const JSON_ABOUT = "print what came of it as one JSON document, and all else to the standard error";

/** As the options say it; `json` is true without a file. */
export interface GivenResult {
  readonly out?: string;
  readonly json?: string | true;
}

export interface ResultPlace {
  /** Absent: no file is written. */
  readonly file?: string;
  /** Names the file, for messages. */
  readonly option: "--out" | "--json";
  /** Whether the result is the only thing on standard output. */
  readonly isPrinted: boolean;
}

/**
 * @param warn is told of what will not be understood any more
 * @throws FlError("invalid-argument") where two files are named
 */
export function resultPlace({ out, json }: GivenResult, warn: (text: string) => void): ResultPlace {
  const isPrinted = json === true;
  if (typeof json !== "string")
    return { ...(out === undefined ? {} : { file: out }), option: "--out", isPrinted };
  if (out !== undefined) {
    throw new FlError(
      "invalid-argument",
      `--out ${out} and --json ${json} both name a file: leave --json out, or give it none.`,
    );
  }
  warn(`--json ${json} is now --out ${json}: from the next release on, --json takes no file.`);
  return { file: json, option: "--json", isPrinted };
}

/** Whether anybody asked for the result. */
export function isWanted({ file, isPrinted }: ResultPlace): boolean {
  return file !== undefined || isPrinted;
}

/** @throws as `requireWritableFile` */
export function requireResultPlace({ option, file }: ResultPlace): void {
  requireWritableFile(option, file);
}

/** Writes the file, where one is wanted. @throws as `writeResult` */
export async function writeResultFile({ option, file }: ResultPlace, text: string): Promise<void> {
  if (file !== undefined) await writeResult(option, file, text);
}

/** Where all goes that is no result. */
export function screenOf<Stream>({ isPrinted }: ResultPlace, out: Stream, err: Stream): Stream {
  return isPrinted ? err : out;
}
