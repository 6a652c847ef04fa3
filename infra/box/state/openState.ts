// State in a folder of the user's: a SQLite file, which no other process can open in the meantime, and a
// folder for large contents.
import { chmodSync, closeSync, existsSync, mkdirSync, openSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { deserialize, serialize } from "node:v8";
import { FlError } from "../../../shared/core/errors.ts";
import { whyNot } from "../../setup/faults.mjs";
import type { State, StateTable } from "./state.ts";

const fileName = "state.sqlite";
/** "FdSt": whose file it is, where SQLite has a place for that. */
const applicationId = 0x46_64_53_74;
/** Of the tables and of the values in them; another version's are not read. */
const formatVersion = 1;

const resultCodes = {
  busy: 5,
  readOnly: 8,
  io: 10,
  corrupt: 11,
  full: 13,
  cannotOpen: 14,
  notADatabase: 26,
} as const;

/**
 * Opens the folder, made when missing, and keeps others out until `close` or the end of this process,
 * whatever ends it. Its files can be read by their owner only: there are keys among them.
 *
 * A write that a crash interrupted is left out as a whole; its caller was never answered.
 *
 * @throws FlError("failed-precondition") when another local cloud has it open, when it holds something
 *   else, when another version wrote it, or when it cannot be written to
 * @throws FlError("data-loss") when the file is damaged
 */
export function openState(folder: string): State {
  const dir = resolve(folder);
  const file = join(dir, fileName);
  const contentsDir = join(dir, "contents");
  const database = opened(dir, file, contentsDir);
  try {
    prepare(database, dir);
  } catch (error) {
    database.close();
    throw refusal(error, dir, file);
  }
  const put = database.prepare("INSERT OR REPLACE INTO entries (kind, key, value) VALUES (?, ?, ?)");
  const remove = database.prepare("DELETE FROM entries WHERE kind = ? AND key = ?");
  const select = database.prepare(
    "SELECT key, value FROM entries WHERE kind = ?1 AND substr(key, 1, length(?2)) = ?2 ORDER BY key",
  );

  return {
    contentsDir,
    table<Value>(kind: string): StateTable<Value> {
      return {
        entries: (prefix = "") =>
          select.all(kind, prefix).map(({ key, value }) => {
            if (typeof key !== "string" || !(value instanceof Uint8Array)) {
              throw new FlError(
                "data-loss",
                `${file} is damaged: an entry of ${kind} is not as it was written.`,
              );
            }
            return [key, deserialize(value)] as const;
          }),
        put: (key, value) => {
          put.run(kind, key, serialize(value));
        },
        delete: (key) => {
          remove.run(kind, key);
        },
      };
    },
    atomically(body) {
      if (database.isTransaction) return body();
      database.exec("BEGIN");
      try {
        body();
        database.exec("COMMIT");
      } catch (error) {
        if (database.isTransaction) database.exec("ROLLBACK");
        throw error;
      }
    },
    close() {
      if (database.isOpen) database.close();
    },
  };
}

function opened(dir: string, file: string, contentsDir: string): DatabaseSync {
  try {
    claimFolder(dir, file);
    mkdirSync(contentsDir, { recursive: true, mode: 0o700 });
    return new DatabaseSync(file);
  } catch (error) {
    if (error instanceof FlError) throw error;
    const known = refusal(error, dir, file);
    throw known instanceof FlError ? known : unusable(dir, whyNot(error), error);
  }
}

/** Makes the folder and the empty file; refuses a folder with other things in it. */
function claimFolder(dir: string, file: string): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  if (!existsSync(file) && readdirSync(dir).length > 0) {
    throw new FlError(
      "failed-precondition",
      `${dir} is not empty and holds no state of a local cloud: use an empty or a new folder.`,
    );
  }
  // SQLite gives the files beside it the same rights.
  closeSync(openSync(file, "a", 0o600));
  chmodSync(file, 0o600);
}

function prepare(database: DatabaseSync, dir: string): void {
  database.exec("PRAGMA locking_mode = EXCLUSIVE");
  database.exec("PRAGMA journal_mode = WAL");
  database.exec("PRAGMA synchronous = FULL");
  database.exec("BEGIN EXCLUSIVE");
  const isNew = numberOf(database, "PRAGMA application_id", "application_id") === 0;
  const tables = numberOf(database, "SELECT count(*) AS tables FROM sqlite_schema", "tables");
  if (isNew && tables === 0) {
    database.exec(
      "CREATE TABLE entries (kind TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (kind, key))",
    );
    database.exec(`PRAGMA application_id = ${applicationId}`);
    database.exec(`PRAGMA user_version = ${formatVersion}`);
  }
  database.exec("COMMIT");
  if (numberOf(database, "PRAGMA application_id", "application_id") !== applicationId) {
    throw new FlError(
      "failed-precondition",
      `${dir} holds a ${fileName} of another program: use another folder.`,
    );
  }
  const version = numberOf(database, "PRAGMA user_version", "user_version");
  if (version !== formatVersion) {
    throw new FlError(
      "failed-precondition",
      `${dir} was written by another version of the local cloud (format ${version}, not ${formatVersion}): ` +
        "use that version, or another folder.",
    );
  }
}

function numberOf(database: DatabaseSync, query: string, column: string): number {
  return Number(database.prepare(query).get()?.[column]);
}

function refusal(error: unknown, dir: string, file: string): unknown {
  if (!(error instanceof Error && "errcode" in error)) return error;
  switch (Number(error.errcode) & 0xff) {
    case resultCodes.busy:
      return new FlError(
        "failed-precondition",
        `${dir} is in use by another local cloud: stop that one, or use another folder.`,
        { cause: error },
      );
    case resultCodes.corrupt:
    case resultCodes.notADatabase:
      return new FlError(
        "data-loss",
        `${file} is damaged and cannot be read (${error.message}): restore it, or use another folder.`,
        { cause: error },
      );
    case resultCodes.full:
      return unusable(file, "the disk is full", error);
    case resultCodes.readOnly:
    case resultCodes.io:
    case resultCodes.cannotOpen:
      return unusable(file, error.message, error);
    default:
      return error;
  }
}

function unusable(place: string, why: string, cause: unknown): FlError {
  return new FlError(
    "failed-precondition",
    `${place} cannot be used: ${why}. Name a folder for the data that can be written to.`,
    { cause },
  );
}
