// The content of files of text with one record a line, after a look at how each begins.
import { KIND_BYTES, LineEndFinder, RETURN_ALONE, whyNotText } from "../../core/data/textKind.ts";
import { badFile, contentOf, type DataFile } from "./files.ts";

/**
 * As `contentOf`.
 *
 * @throws FlError("invalid-argument") for a file that is something else than text in UTF-8, such as an
 *   archive, and for one whose lines end in a way that is not read; it says what to do
 */
export async function* textOf(file: DataFile): AsyncGenerator<Uint8Array> {
  const lines = new LineEndFinder();
  let isOpen = true;
  for await (const part of startingWhole(contentOf(file))) {
    if (isOpen) {
      const isAlone = lines.isReturnAlone(part);
      if (isAlone === true) throw badFile(file, RETURN_ALONE);
      isOpen = isAlone === undefined;
    }
    yield part;
  }

  /** With enough in the first part to tell what the file is. */
  async function* startingWhole(parts: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    let head: Uint8Array | null = new Uint8Array(0);
    const checked = (start: Uint8Array) => {
      const why = whyNotText(start);
      if (why !== undefined) throw badFile(file, why);
      return start;
    };
    for await (const part of parts) {
      if (head === null) yield part;
      else {
        head = head.byteLength === 0 ? part : Buffer.concat([head, part]);
        if (head.byteLength < KIND_BYTES) continue;
        yield checked(head);
        head = null;
      }
    }
    if (head !== null && head.byteLength > 0) yield checked(head);
  }
}
