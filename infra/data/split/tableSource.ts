// A table that is split: a file a client, in the table's own format.
import { join } from "node:path";
import type { DataFile } from "../../../shared/cloud/data/files.ts";
import { openTableRows } from "../../../shared/cloud/data/tableRows.ts";
import type { TableFeatures } from "../../../shared/core/data/features.ts";
import { RowTally } from "../../../shared/core/data/tally.ts";
import { FlError, type Problem } from "../../../shared/core/errors.ts";
import type { Coder } from "../coder.ts";
import { ROOM_BYTES } from "../ownersFiles.ts";
import { MISSING, textOfValue } from "../values.ts";
import { openTableFiles, type TableFormat } from "../write/tableFiles.ts";
import { groupCoder, labelCoder, type SplitSource } from "./source.ts";

/** As many names in a message. */
const MOST_NAMES = 20;

export async function tableSource(
  files: readonly DataFile[],
  features: TableFeatures | undefined,
): Promise<SplitSource> {
  const table = await openTableRows(files, features ?? {}, ROOM_BYTES, "refused");
  const missing = features === undefined ? MISSING : new Set(features.missingValues);
  const hasLists = [...(table.types?.values() ?? [])].includes("list");
  // Lists are written as JSON has them.
  const format: TableFormat = hasLists ? "jsonl" : table.format;
  const names = new Set<string>();
  return {
    format,
    notes: table.unreadable.map(({ name, why }) => `The column ${JSON.stringify(name)} is left out: ${why}.`),
    async scan({ label, column }, signal) {
      const tally = new RowTally();
      const coded = [
        { option: "--label", name: label, coder: labelCoder() },
        { option: "--column", name: column, coder: groupCoder() },
      ].filter(({ name }) => name !== undefined);
      let count = 0;
      for await (const block of table.blocks()) {
        signal.throwIfAborted();
        for (const name of block.names) names.add(name);
        const places = coded.map(({ name = "" }) => block.names.indexOf(name));
        for (const row of block.rows) {
          const isFault = typeof row === "string";
          tally.count(isFault ? row : null);
          if (isFault) continue;
          count++;
          for (const [i, { name = "", coder }] of coded.entries()) {
            addValue(coder, row[places[i] ?? -1], name, missing);
          }
        }
      }
      requireColumns(coded, names);
      const of = (option: string) => coded.find((one) => one.option === option)?.coder.coded() ?? null;
      return { units: { count, labels: of("--label"), groups: of("--column") }, facts: tally.facts() };
    },
    async write(clientOf, clientIds, folder, signal) {
      const called = clientIds.map((clientId) => `${clientId}.${format}`);
      const out = await openTableFiles(
        called.map((name) => join(folder, name)),
        { format, delimiter: table.delimiter, names: [...names], types: table.types },
      );
      let unit = 0;
      for await (const { names: columns, rows, lines } of table.blocks()) {
        signal.throwIfAborted();
        let line = -1;
        for (const row of rows) {
          line++;
          if (typeof row === "string") continue;
          await out.add(clientOf[unit++] ?? 0, columns, row, lines?.[line]);
        }
      }
      await out.finish();
      return called;
    },
  };
}

function addValue(coder: Coder, value: unknown, name: string, missing: ReadonlySet<string>): void {
  const text = textOfValue(value, missing);
  if (text === undefined) {
    throw new FlError(
      "invalid-argument",
      `The column ${JSON.stringify(name)} holds lists or objects, by which rows cannot be told apart: name another one.`,
    );
  }
  coder.add(text);
}

function requireColumns(
  wanted: readonly { readonly option: string; readonly name: string | undefined }[],
  names: ReadonlySet<string>,
): void {
  const problems = wanted.flatMap(({ option, name = "" }): Problem[] =>
    names.has(name) ? [] : [{ path: option, message: `there is no column ${JSON.stringify(name)}` }],
  );
  if (problems.length === 0) return;
  const known = [...names].slice(0, MOST_NAMES).map((name) => JSON.stringify(name));
  const more = names.size > MOST_NAMES ? ` and ${names.size - MOST_NAMES} more` : "";
  const list = problems.map(({ path, message }) => `${path}: ${message}`).join("; ");
  // Where there are several problems, what comes before the first colon is said above them.
  throw new FlError("invalid-argument", `The table's columns are ${known.join(", ")}${more}: ${list}.`, {
    problems,
  });
}
