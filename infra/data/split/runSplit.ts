// `fedstratus data split`: spreads the rows of a data set over clients, and writes what came of it beside
// them.
import { resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import type { DataFile } from "../../../shared/cloud/data/files.ts";
import type { Features } from "../../../shared/core/data/features.ts";
import { checkRefused } from "../../../shared/core/data/tally.ts";
import { FlError } from "../../../shared/core/errors.ts";
import type { DataFacts } from "../../../shared/core/schemas/dataFacts.ts";
import { filesOfKind, type KindOfFiles } from "../kind.ts";
import { ownersFeatures } from "../ownersFeatures.ts";
import { ownersFiles } from "../ownersFiles.ts";
import { needsLabels, optionProblems, planSplit, type SplitOptions } from "./plan.ts";
import type { SplitSource } from "./source.ts";
import { CLIENTS, openSplitFolder } from "./splitFolder.ts";

export interface SplitJob extends SplitOptions {
  readonly path: string;
  readonly out: string;
  readonly features: string | undefined;
  readonly label: string | undefined;
  readonly column: string | undefined;
  readonly force: boolean;
}

/** What is written as `split.json`, and printed. */
export interface SplitReport {
  /** Of this document. */
  readonly splitVersion: 1;
  readonly source: {
    readonly path: string;
    readonly kind: string;
    readonly files: number;
    readonly sizeBytes: number;
    readonly label: string | null;
    readonly column: string | null;
  };
  /** Every option that its making depends on. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly rows: number;
  /** Rows that could not be read, by reason; they are at no client. */
  readonly refused: DataFacts["refused"];
  /** The labels that rows are counted by; null stands for none. */
  readonly labels: readonly (string | null)[];
  readonly format: string;
  readonly clients: readonly {
    readonly clientId: string;
    /** Its file or folder, below the split's. */
    readonly data: string;
    readonly rows: number;
    readonly labelRows: readonly number[];
  }[];
  readonly notes: readonly string[];
}

/** As of a client that reads it. */
const MAX_REFUSED_SHARE = 0.01;

/**
 * Reads the data twice: once to know its rows, once to write them. Memory is a few bytes a row, and what
 * waits to be written.
 *
 * @throws FlError("invalid-argument") with every problem of options and columns; nothing is written then
 */
export async function runSplit(job: SplitJob, cwd: string, signal: AbortSignal): Promise<SplitReport> {
  const { path, out, by, features: featuresFile } = job;
  const problems = [
    ...optionProblems(job),
    ...(by === "column" && job.column === undefined
      ? [{ path: "--column", message: "is needed with --by column: the column that rows stay together by" }]
      : []),
  ];
  if (problems.length > 0) {
    const list = problems.map(({ path: option, message }) => `${option} ${message}`).join("; ");
    throw new FlError("invalid-argument", `The options do not go together: ${list}.`, { problems });
  }
  const features = await ownersFeatures(featuresFile, cwd);
  const all = await ownersFiles(path, cwd);
  const found = filesOfKind(path, all, features?.kind);
  requireApart(found.files, resolve(cwd, out), out);
  const label = job.label ?? labelIn(features);
  if (found.kind === "table" && needsLabels(by) && label === undefined) {
    throw new FlError(
      "invalid-argument",
      `--by ${by} spreads rows by their label: name its column by --label, or a features file by --features.`,
    );
  }
  const folder = await openSplitFolder(out, resolve(cwd, out), job.force);
  try {
    const source = await sourceOf(found, features);
    const column = by === "column" ? job.column : undefined;
    const { units, facts } = await source.scan({ label, column, needsLabels: needsLabels(by) }, signal);
    checkRefused(facts, maxRefusedShare(features), path);
    const plan = planSplit(units, job);
    const clientIds = plan.clients.map(({ clientId }) => clientId);
    const data = await source.write(plan.clientOf, clientIds, folder.clients, signal);
    const report: SplitReport = {
      splitVersion: 1,
      source: {
        path,
        kind: found.kind,
        files: found.files.length,
        sizeBytes: found.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
        label: found.kind === "table" ? (label ?? null) : null,
        column: column ?? null,
      },
      options: optionsOf(job),
      rows: units.count,
      refused: facts.refused,
      labels: plan.labels,
      format: source.format,
      clients: plan.clients.map(({ clientId, rows, labelRows }, i) => ({
        clientId,
        data: `${CLIENTS}/${data[i]}`,
        rows,
        labelRows,
      })),
      notes: source.notes,
    };
    signal.throwIfAborted();
    await folder.finish(report);
    return report;
  } finally {
    await folder.discard();
  }
}

/** A split that is made again must not read what it wrote. */
function requireApart(files: readonly DataFile[], folder: string, out: string): void {
  const inside = files.find(({ address }) => fileURLToPath(address).startsWith(`${folder}${sep}`));
  if (inside === undefined) return;
  throw new FlError(
    "invalid-argument",
    `--out ${out} holds some of the data that would be split: name another folder.`,
  );
}

async function sourceOf({ kind, files }: KindOfFiles, features: Features | undefined): Promise<SplitSource> {
  switch (kind) {
    case "table": {
      const { tableSource } = await import("./tableSource.ts");
      return tableSource(files, features?.kind === "table" ? features : undefined);
    }
    case "arrays": {
      const { arraySource } = await import("./arraySource.ts");
      return arraySource(files, features?.kind === "arrays" ? features : undefined);
    }
    case "images":
    case "text": {
      const { fileSource } = await import("./fileSource.ts");
      return fileSource(files, kind);
    }
  }
}

/** The target of a features file, where it is one column. */
function labelIn(features: Features | undefined): string | undefined {
  if (features?.kind !== "table") return undefined;
  const [target, ...more] = features.target;
  return more.length === 0 && target !== undefined && !target.column.includes("*")
    ? target.column
    : undefined;
}

function maxRefusedShare(features: Features | undefined): number {
  return features !== undefined && "maxRefusedShare" in features
    ? features.maxRefusedShare
    : MAX_REFUSED_SHARE;
}

/** Those that matter for this kind of split, so that the document says no more than what was done. */
function optionsOf(job: SplitJob): Readonly<Record<string, unknown>> {
  const { by, clients, minSamples, seed } = job;
  const more: Readonly<Record<SplitOptions["by"], object>> = {
    column: {},
    iid: {},
    dirichlet: { alpha: job.alpha, balance: job.isBalanced },
    shards: { shardsPerClient: job.shardsPerClient },
    pathological: { classesPerClient: job.classesPerClient },
    size: { sizes: job.sizes },
  };
  return { by, clients: clients ?? null, min: minSamples, seed, ...more[by] };
}
