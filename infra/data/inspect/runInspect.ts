// `fedstratus data inspect`: what lies at a path, without a value of it unless its owner asks for values.

import { openData } from "../../../shared/cloud/data/openData.ts";
import type { Features } from "../../../shared/core/data/features.ts";
import { RowTally } from "../../../shared/core/data/tally.ts";
import { FlError } from "../../../shared/core/errors.ts";
import type { DataFacts } from "../../../shared/core/schemas/dataFacts.ts";
import { filesOfKind, type KindOfFiles } from "../kind.ts";
import { ownersFeatures } from "../ownersFeatures.ts";
import { ownersFiles, ROOM_BYTES } from "../ownersFiles.ts";
import type { ColumnKind, ColumnProfile } from "./columnProfile.ts";
import { suggestFeatures } from "./suggest.ts";

export interface InspectJob {
  readonly path: string;
  readonly features: string | undefined;
  readonly label: string | undefined;
  /** Rows, or images, that are looked at; null for all. */
  readonly most: number | null;
  readonly withValues: boolean;
}

/** What is printed. Without `withValues` it holds counts, and names of columns and folders. */
export interface InspectReport {
  readonly path: string;
  readonly kind: Features["kind"];
  readonly format: string;
  readonly files: number;
  readonly sizeBytes: number;
  /** What was looked at: rows, samples or files. */
  readonly rows: number;
  readonly isAll: boolean;
  /** Rows of those that cannot be read, by reason. */
  readonly refused: DataFacts["refused"];
  /** Of a table. */
  readonly columns: readonly ColumnFacts[];
  /** Of images: the folders. */
  readonly classes: readonly { readonly name: string; readonly rows: number }[];
  /** Other facts, by what they are called. */
  readonly facts: Readonly<Record<string, number | string>>;
  /** What the model would see, where a features file says it, or none is needed. */
  readonly asRead: AsRead | null;
  /** A first features file; null where there is one already, or none could be made. */
  readonly suggested: object | null;
  readonly notes: readonly string[];
}

export interface ColumnFacts {
  readonly name: string;
  readonly kind: ColumnKind;
  readonly missing: number;
  /** Null where there are more than 1,000. */
  readonly distinct: number | null;
  readonly isKey: boolean;
  readonly listSize: number | null;
  /** These two with `withValues` only. */
  readonly range?: ColumnProfile["range"];
  readonly values?: ColumnProfile["values"];
}

export interface AsRead extends DataFacts {
  readonly samples: number;
  readonly inputShape: readonly number[];
  readonly targetShape: readonly number[];
}

/**
 * @returns the report, and the suggestion with its values, for a file of the owner's
 * @throws FlError("invalid-argument") where nothing can be read, saying what to do
 */
export async function runInspect(
  job: InspectJob,
  cwd: string,
  signal: AbortSignal,
): Promise<{ readonly report: InspectReport; readonly whole: object | null }> {
  const { path, features: file } = job;
  const features = await ownersFeatures(file, cwd);
  const found = filesOfKind(path, await ownersFiles(path, cwd), features?.kind);
  const { look, whole } = await lookAt(found, features, job, signal);
  const isReadable = features !== undefined || found.kind === "arrays";
  const asRead = isReadable ? await readAs(found, features, signal) : null;
  const report: InspectReport = {
    path,
    kind: found.kind,
    files: found.files.length,
    sizeBytes: found.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    ...NOTHING,
    rows: asRead?.rows ?? 0,
    ...look,
    asRead,
    ...(features === undefined ? {} : { suggested: null, notes: [] }),
  };
  return { report, whole: features === undefined ? whole : null };
}

type Look = Pick<InspectReport, "format"> & Partial<InspectReport>;

const NOTHING = { isAll: true, refused: [], columns: [], classes: [], facts: {}, suggested: null, notes: [] };

async function lookAt(
  { kind, files }: KindOfFiles,
  features: Features | undefined,
  job: InspectJob,
  signal: AbortSignal,
): Promise<{ readonly look: Look; readonly whole: object | null }> {
  switch (kind) {
    case "table": {
      const { inspectTable } = await import("./inspectTable.ts");
      const table = await inspectTable(
        files,
        features?.kind === "table" ? features : undefined,
        job.most,
        signal,
      );
      const { facts, isAll, columns, unreadable, format } = table;
      requireLabel(job.label, columns);
      const { features: suggested, notes } = suggestFeatures(columns, job);
      const whole = suggestFeatures(columns, { ...job, withValues: true }).features;
      const look = {
        format,
        rows: facts.rows,
        isAll,
        refused: facts.refused,
        columns: columns.map((column) => factsOf(column, job.withValues)),
        suggested,
        notes: [
          ...unreadable.map(({ name, why }) => `The column ${JSON.stringify(name)} is not read: ${why}.`),
          ...headerNotes(columns),
          ...delimiterNotes(format, columns),
          ...notes,
        ],
      };
      return { look, whole };
    }
    case "images": {
      const { inspectImages } = await import("./inspectFiles.ts");
      const {
        classes,
        sizes,
        unreadable,
        looked,
        features: suggested,
      } = await inspectImages(files, job.most, signal);
      const look = {
        format: "images",
        rows: files.length,
        isAll: looked === files.length,
        classes: classes.map(({ name, files: rows }) => ({ name, rows })),
        facts: {
          ...Object.fromEntries(
            sizes.map(({ width, height, channels, files: count }) => [
              `${width} × ${height}, ${channels === 1 ? "grey" : "colours"}`,
              count,
            ]),
          ),
          ...(unreadable === 0 ? {} : { "no image": unreadable }),
        },
        suggested,
      };
      return { look, whole: suggested };
    }
    case "text": {
      const { inspectTexts } = await import("./inspectFiles.ts");
      const { features: suggested, ...facts } = await inspectTexts(files, signal);
      return { look: { format: "text", rows: files.length, facts, suggested }, whole: suggested };
    }
    case "arrays":
      return { look: { format: "arrays" }, whole: null };
  }
}

function requireLabel(label: string | undefined, columns: readonly ColumnProfile[]): void {
  if (label === undefined || columns.some(({ name }) => name === label)) return;
  const names = columns.slice(0, MOST_NAMES).map(({ name }) => JSON.stringify(name));
  throw new FlError(
    "invalid-argument",
    `--label: there is no column ${JSON.stringify(label)}. There are ${names.join(", ")}.`,
  );
}

const MOST_NAMES = 20;

function factsOf(
  { name, kind, missing, distinct, isKey, listSize, range, values }: ColumnProfile,
  withValues: boolean,
): ColumnFacts {
  const facts = { name, kind, missing, distinct, isKey, listSize };
  return withValues ? { ...facts, range, values } : facts;
}

/** Without a header the first row is taken for one. */
function headerNotes(columns: readonly ColumnProfile[]): readonly string[] {
  const numbers = columns.filter(({ name }) => name !== "" && Number.isFinite(Number(name))).length;
  return numbers * 2 > columns.length
    ? ["The columns' names are numbers: where the first line is a row, write one with names above it."]
    : [];
}

/** What often lies between the fields of CSV where commas do not. */
const OTHER_DELIMITERS = [";", "\t", "|"] as const;

function delimiterNotes(format: string, columns: readonly ColumnProfile[]): readonly string[] {
  const [only, ...more] = columns;
  if (only === undefined || more.length > 0 || (format !== "csv" && format !== "tsv")) return [];
  const found = OTHER_DELIMITERS.find((one) => only.name.includes(one));
  if (found === undefined) return [];
  const by = JSON.stringify(found);
  return [
    `There is one column, whose name holds ${by}: where that lies between the fields, say "delimiter": ${by} in a features file.`,
  ];
}

/** Reads all of it as a client does. */
async function readAs(
  { files }: KindOfFiles,
  features: Features | undefined,
  signal: AbortSignal,
): Promise<AsRead> {
  const source = await openData(files, features ?? null, ROOM_BYTES);
  const tally = new RowTally();
  let samples = 0;
  for await (const { rows } of source.pieces(tally)) {
    signal.throwIfAborted();
    samples += rows.count;
  }
  const { inputShape, targetShape } = source;
  return { ...tally.facts(), samples, inputShape, targetShape };
}
