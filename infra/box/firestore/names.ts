// Resource names: projects/P/databases/D/documents/COLLECTION/DOCUMENT/…, their parts and what the database
// refuses in them.
import { FlError } from "../../../shared/core/errors.ts";

const documentsRoot = /^projects\/[^/]+\/databases\/[^/]+\/documents(?=\/|$)/;
const maxIdBytes = 1_500;
const maxNameBytes = 6_144;

/** Whether a database keeps ids and field names of this form to itself. */
export function isReserved(id: string): boolean {
  return /^__.*__$/s.test(id);
}

/** The collection that a document is in. */
export function parentOf(name: string): string {
  return name.slice(0, name.lastIndexOf("/"));
}

/** `projects/P/databases/D` of a name in it. */
export function databaseOf(name: string): string {
  return name.split("/", 4).join("/");
}

/** The ids below `…/documents`: collection, document, collection, … */
export function idsOf(name: string): readonly string[] {
  return name.replace(documentsRoot, "").split("/").slice(1);
}

/** @throws FlError("invalid-argument") when this is not the name of a document. */
export function checkDocumentName(name: string | undefined): string {
  const ids = idsOf(name ?? "");
  if (
    name === undefined ||
    !documentsRoot.test(name) ||
    ids.length === 0 ||
    ids.length % 2 === 1 ||
    ids.includes("")
  ) {
    throw new FlError("invalid-argument", `"${name ?? ""}" is not the name of a document.`);
  }
  return name;
}

/** @throws FlError("invalid-argument") when this is neither `…/documents` nor the name of a document. */
export function checkParentName(name: string | undefined): string {
  return name !== undefined && documentsRoot.exec(name)?.[0] === name ? name : checkDocumentName(name);
}

/**
 * Checks a name under which something is to be written.
 *
 * @param database  the one that the request is for; a document of another cannot be written by it
 * @throws FlError("invalid-argument") when it is not the name of a document, too long, reserved or of
 *   another database
 */
export function checkWrittenName(name: string | undefined, database: string | undefined): string {
  const checked = checkDocumentName(name);
  if (!checked.startsWith(`${database ?? ""}/documents/`)) {
    throw new FlError(
      "invalid-argument",
      `Document "${checked}" is not in the database "${database ?? ""}".`,
    );
  }
  for (const id of idsOf(checked)) {
    if (isReserved(id)) throw new FlError("invalid-argument", `The id "${id}" in "${checked}" is reserved.`);
    if (id === "." || id === "..") {
      throw new FlError("invalid-argument", `An id may not be "${id}", as in "${checked}".`);
    }
    if (Buffer.byteLength(id) > maxIdBytes) {
      throw new FlError("invalid-argument", `An id in "${checked}" is longer than ${maxIdBytes} bytes.`);
    }
  }
  if (Buffer.byteLength(checked) > maxNameBytes) {
    throw new FlError("invalid-argument", `The name "${checked}" is longer than ${maxNameBytes} bytes.`);
  }
  return checked;
}
