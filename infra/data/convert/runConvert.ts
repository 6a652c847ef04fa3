// `fedstratus data convert`: a data set in another format, perhaps in two parts.
import { extname } from "node:path";
import type { DataFile } from "../../../shared/cloud/data/files.ts";
import type { Features } from "../../../shared/core/data/features.ts";
import { checkRefused } from "../../../shared/core/data/tally.ts";
import { FlError } from "../../../shared/core/errors.ts";
import type { DataFacts } from "../../../shared/core/schemas/dataFacts.ts";
import { filesOfKind } from "../kind.ts";
import { ownersFeatures } from "../ownersFeatures.ts";
import { ownersFiles } from "../ownersFiles.ts";
import { openDrafts } from "../write/newFiles.ts";
import type { TableFormat } from "../write/tableFiles.ts";
import { convertSamples } from "./convertSamples.ts";
import { convertTable } from "./convertTable.ts";
import { plainFeatures } from "./plainFeatures.ts";

export interface ConvertJob {
  readonly path: string;
  readonly out: string;
  readonly features: string | undefined;
  readonly label: string | undefined;
  /** The label's values in the order of their numbers, or how many class numbers there are. */
  readonly classes: readonly string[] | number | undefined;
  /** The share of rows in the first of two files, between 0 and 1; undefined for one file. */
  readonly split: number | undefined;
  readonly seed: number;
  readonly force: boolean;
}

export interface ConvertReport {
  readonly path: string;
  readonly kind: Features["kind"];
  /** What was read, rows that were left out included. */
  readonly rows: number;
  readonly written: number;
  readonly refused: DataFacts["refused"];
  /** Left out because the features file says so. */
  readonly dropped: number;
  readonly items: readonly { readonly file: string; readonly rows: number }[];
  /** Of samples. */
  readonly inputShape: readonly number[] | null;
  readonly targetShape: readonly number[] | null;
  readonly notes: readonly string[];
}

const TABLES: Readonly<Record<string, TableFormat>> = {
  ".csv": "csv",
  ".tsv": "tsv",
  ".jsonl": "jsonl",
  ".ndjson": "jsonl",
  ".parquet": "parquet",
};
const SAMPLES = ".safetensors";

/**
 * Reads the data as a stream.
 *
 * @throws FlError("invalid-argument") with what does not go together, where too many rows cannot be used, or
 *   where a part would be empty; nothing is written then
 */
export async function runConvert(job: ConvertJob, cwd: string, signal: AbortSignal): Promise<ConvertReport> {
  const { path, out, seed, split } = job;
  const ending = extname(out).toLowerCase();
  const format = TABLES[ending];
  if (format === undefined && ending !== SAMPLES) {
    throw new FlError(
      "invalid-argument",
      `${out} cannot be written: end its name in ${SAMPLES}, for samples as a model sees them, or in ${Object.keys(TABLES).join(", ")}, for a table.`,
    );
  }
  const features = await ownersFeatures(job.features, cwd);
  const { kind, files } = filesOfKind(path, await ownersFiles(path, cwd), features?.kind);
  if (format !== undefined) requireTable(job, kind);
  const named = partNames(out, ending, split);
  const drafts = await openDrafts("OUT", named, cwd, job.force);
  const common = { paths: drafts.paths, share: split ?? 1, seed };
  try {
    const notes: string[] = [];
    const converted =
      format === undefined
        ? await convertSamples(
            files,
            await featuresFor(job, kind, files, features, notes, signal),
            common,
            signal,
          )
        : await convertTable(
            files,
            features?.kind === "table" ? features : undefined,
            { ...common, format },
            notes,
            signal,
          );
    const { facts, counts, inputShape, targetShape } = converted;
    checkRefused(facts, converted.maxRefusedShare, path);
    const empty = named.find((_, i) => (counts[i] ?? 0) === 0);
    if (empty !== undefined) {
      throw new FlError(
        "invalid-argument",
        `${empty} would have no rows: choose another --split or --seed, or convert more rows.`,
      );
    }
    signal.throwIfAborted();
    await drafts.finish();
    return {
      path,
      kind,
      rows: facts.rows,
      written: counts.reduce((sum, count) => sum + count, 0),
      refused: facts.refused,
      dropped: facts.dropped,
      items: named.map((file, i) => ({ file, rows: counts[i] ?? 0 })),
      inputShape,
      targetShape,
      notes,
    };
  } finally {
    await drafts.discard();
  }
}

/** Both parts beside each other: `a.csv` becomes `a-train.csv` and `a-test.csv`. */
function partNames(out: string, ending: string, split: number | undefined): readonly string[] {
  if (split === undefined) return [out];
  const stem = out.slice(0, out.length - ending.length);
  return ["train", "test"].map((part) => `${stem}-${part}${out.slice(stem.length)}`);
}

function requireTable({ path, out, features, label, classes }: ConvertJob, kind: Features["kind"]): void {
  const problems = [
    ...(kind === "table" ? [] : [`${path} is no table, but ${kind}: write ${SAMPLES}`]),
    ...(features === undefined && label === undefined && classes === undefined
      ? []
      : [`--features, --label and --classes say what a model sees, and ${out} is a table: leave them out`]),
  ];
  if (problems.length > 0) throw new FlError("invalid-argument", `${problems.join("; ")}.`);
}

/** What the samples are made by. @throws FlError("invalid-argument") where nothing says it */
async function featuresFor(
  { path, label, classes }: ConvertJob,
  kind: Features["kind"],
  files: readonly DataFile[],
  features: Features | undefined,
  notes: string[],
  signal: AbortSignal,
): Promise<Features | null> {
  if (features !== undefined) {
    if (label === undefined && classes === undefined) return features;
    throw new FlError(
      "invalid-argument",
      "--features says what labels are, and so do --label and --classes: leave one of them out.",
    );
  }
  if (kind === "table" && label !== undefined) {
    const plain = await plainFeatures(files, label, classes, signal);
    notes.push(...plain.notes);
    return plain.features;
  }
  if (kind === "arrays" && label === undefined) {
    if (classes === undefined) return null;
    if (typeof classes === "number") return { kind, inputs: "x", target: "y", classes };
  }
  const how = kind === "table" ? "name the column to predict by --label, or " : "";
  throw new FlError(
    "invalid-argument",
    `Nothing says what a model sees of ${path}: ${how}write a features file (fedstratus data inspect ${path} --out features.json makes a first one) and name it by --features.`,
  );
}
