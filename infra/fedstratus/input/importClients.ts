// Registers many clients, some at a time, and says of each what became of it.
import { isDeepStrictEqual } from "node:util";
import * as z from "zod";
import { FlError } from "../../../shared/core/errors.ts";
import { Client, ClientRegistration } from "../../../shared/core/schemas/client.ts";
import { inPlainWords, plainProblems } from "../../../shared/core/schemas/plainProblems.ts";
import type { Api } from "../frame/api.ts";
import { registrationOfRow, requireColumns } from "./registrations.ts";

export interface Imported {
  /** Of the file, the first line being 1. */
  readonly line: number;
  readonly clientId: string | null;
  /** `different`: registered with other data, and left as it is. `refused`: it cannot be registered. */
  readonly result: "added" | "same" | "different" | "refused";
  readonly problems: readonly { readonly path: string; readonly message: string }[];
}

export interface ImportOptions {
  readonly parallel: number;
  /** Whether nothing is registered: `added` is then what would be. */
  readonly dryRun: boolean;
}

/** @throws UsageError for a header that cannot be used; FlError for text that is no CSV, or where the api fails */
export async function importClients(
  text: string,
  options: ImportOptions,
  api: Api,
): Promise<readonly Imported[]> {
  const rows = await rowsOf(text);
  const known = new Map(
    (await api.list("/v1/clients", Client, { limit: 1, all: true })).items.map(({ value }) => [
      value.clientId,
      value,
    ]),
  );
  const results: Imported[] = [];
  const seen = new Set<string>();
  const queue = rows.entries();
  const work = async () => {
    for (const [i, row] of queue) results[i] = await importRow(row);
  };
  await Promise.all(Array.from({ length: options.parallel }, work));
  return results;

  async function importRow({ line, fields }: Row): Promise<Imported> {
    const registration = registrationOfRow(fields);
    const clientId = fields["clientId"] ?? null;
    const told = (result: Imported["result"], problems: Imported["problems"] = []) => ({
      line,
      clientId,
      result,
      problems,
    });
    const read = ClientRegistration.safeParse(registration, inPlainWords);
    if (!read.success) return told("refused", plainProblems(read.error));
    if (seen.has(read.data.clientId)) {
      return told("refused", [{ path: "clientId", message: "is in the file twice" }]);
    }
    seen.add(read.data.clientId);
    const before = known.get(read.data.clientId);
    if (before !== undefined && !before.retired) {
      const same = Object.entries(read.data).every(([key, value]) =>
        isDeepStrictEqual(value, Reflect.get(before, key)),
      );
      return told(same ? "same" : "different");
    }
    if (options.dryRun) return told("added");
    try {
      await api.call(
        { method: "POST", path: "/v1/clients", body: registration, key: crypto.randomUUID() },
        Client,
      );
      return told("added");
    } catch (error) {
      if (!(error instanceof FlError)) throw error;
      if (error.code === "already-exists") return told("different");
      if (error.code === "invalid-argument") return told("refused", error.problems);
      throw error;
    }
  }
}

interface Row {
  readonly line: number;
  readonly fields: Readonly<Record<string, string>>;
}

/** What the parser gives with `info`. */
const Records = z.array(z.object({ info: z.object({ lines: z.number() }), record: z.array(z.string()) }));

async function rowsOf(text: string): Promise<readonly Row[]> {
  const { parse } = await import("csv-parse/sync");
  let records: unknown;
  try {
    records = parse(text, { bom: true, info: true, skip_empty_lines: true, trim: true });
  } catch (cause) {
    throw new FlError("invalid-argument", `This is no CSV file: ${String(Object(cause).message)}.`, {
      cause,
    });
  }
  const [header, ...rows] = Records.parse(records);
  requireColumns(header?.record ?? []);
  return rows.map(({ info, record }) => ({
    line: info.lines,
    fields: Object.fromEntries((header?.record ?? []).map((name, i) => [name, record[i] ?? ""])),
  }));
}
