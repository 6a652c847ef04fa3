// What a person may ask `npm run export` for: which run and version, in which format, where to. Read and
// checked before anything else is done.
import { FlError } from "../../../shared/core/errors.ts";
import { MAX_ROUND, RunId } from "../../../shared/core/schemas/ids.ts";
import {
  type EXPORT_FORMATS,
  MODEL_FORMATS,
  type ModelFormat,
  TABLE_FORMATS,
  type TableFormat,
  type ToolFormat,
} from "./formats.ts";

export const TABLES = ["rounds", "invocations"] as const;
export type TableName = (typeof TABLES)[number];

/** A model version by its number, or by what it is to its run. */
export type VersionName = number | "best" | "latest";

export interface RoundRange {
  readonly first: number;
  /** Inclusive. */
  readonly last: number;
}

interface ToFolder {
  readonly runId: string;
  readonly out: string;
  /** Whether files of the same names in a folder that exists are replaced. */
  readonly force: boolean;
}

export interface ModelExport extends ToFolder {
  readonly kind: "model";
  readonly format: ModelFormat;
  readonly version: VersionName;
  /** Whether the model card names the clients. */
  readonly withClients: boolean;
}

export interface TablesExport extends ToFolder {
  readonly kind: "tables";
  readonly format: TableFormat;
  readonly tables: readonly TableName[];
  readonly rounds: RoundRange;
}

export interface ToolExport extends ToFolder {
  readonly kind: "tool";
  readonly format: Exclude<ToolFormat, "mlflow">;
  readonly rounds: RoundRange;
}

export interface MlflowExport {
  readonly kind: "mlflow";
  readonly runId: string;
  readonly rounds: RoundRange;
  readonly trackingUri: string;
  readonly experiment: string;
}

export type Export = ModelExport | TablesExport | ToolExport | MlflowExport;

/** As the command line gives them. */
export interface GivenOptions {
  readonly run: string;
  readonly format: (typeof EXPORT_FORMATS)[number];
  readonly out?: string | undefined;
  readonly what?: string | undefined;
  readonly rounds?: string | undefined;
  readonly tracking?: string | undefined;
  readonly experiment?: string | undefined;
  readonly withClients?: boolean | undefined;
  readonly force?: boolean | undefined;
}

/**
 * What to export.
 *
 * @throws FlError("invalid-argument") with everything that is wrong with the options
 */
export function exportOf(given: GivenOptions): Export {
  const problems: string[] = [];
  const { runId, version } = runAndVersion(given.run, problems);
  const rounds = roundsOf(given.rounds, problems);
  const tables = tablesOf(given.what, problems);
  const isModel = isIn(MODEL_FORMATS, given.format);
  const isTables = isIn(TABLE_FORMATS, given.format);
  const folder = { runId, out: given.out ?? "", force: given.force ?? false };
  const idle = (option: string, isGiven: boolean, use: string) => {
    if (isGiven) problems.push(`${option} has no meaning with --format ${given.format}: ${use}`);
  };
  if (!isModel) {
    idle(":VERSION", version !== undefined, "leave it out, all rounds of the run are exported");
    idle("--with-clients", given.withClients === true, "leave it out, it is for model cards");
  }
  if (!isTables) idle("--what", given.what !== undefined, "leave it out, it is for tables");
  if (isModel)
    idle("--rounds", given.rounds !== undefined, "leave it out, and name a version as RUN:VERSION");
  if (given.format === "mlflow") {
    idle("--out", given.out !== undefined, "leave it out, and name the server by --tracking");
    idle("--force", given.force === true, "leave it out, each export makes an MLflow run of its own");
    const trackingUri = trackingOf(given.tracking, problems);
    const experiment = given.experiment?.trim() ?? "FedStratus";
    if (experiment === "") problems.push("--experiment must not be empty");
    refuse(problems);
    return { kind: "mlflow", runId, rounds, trackingUri, experiment };
  }
  idle("--tracking", given.tracking !== undefined, "leave it out, it is for mlflow");
  idle("--experiment", given.experiment !== undefined, "leave it out, it is for mlflow");
  if (given.out === undefined || given.out === "") {
    problems.push("--out is missing: name the folder to write into, which need not exist");
  }
  refuse(problems);
  if (isIn(MODEL_FORMATS, given.format)) {
    const withClients = given.withClients ?? false;
    return { kind: "model", format: given.format, version: version ?? "latest", withClients, ...folder };
  }
  if (isIn(TABLE_FORMATS, given.format)) {
    return { kind: "tables", format: given.format, tables, rounds, ...folder };
  }
  return { kind: "tool", format: given.format, rounds, ...folder };
}

function refuse(problems: readonly string[]): void {
  if (problems.length > 0) throw new FlError("invalid-argument", `${problems.join(".\n")}.`);
}

function isIn<const T extends string>(list: readonly T[], value: string): value is T {
  return list.some((item) => item === value);
}

function runAndVersion(
  run: string,
  problems: string[],
): { readonly runId: string; readonly version: VersionName | undefined } {
  const cut = run.indexOf(":");
  const runId = cut === -1 ? run : run.slice(0, cut);
  const named = cut === -1 ? undefined : run.slice(cut + 1);
  if (!RunId.safeParse(runId).success) {
    problems.push("--run must begin with a run's id, such as fashion-20-1f9c0a77");
  }
  if (named === undefined) return { runId, version: undefined };
  if (named === "best") return { runId, version: "best" };
  if (named === "last" || named === "latest") return { runId, version: "latest" };
  if (/^\d{1,9}$/.test(named)) return { runId, version: Number(named) };
  problems.push("--run names a version by its number, 0 for the initial weights, or by best or last");
  return { runId, version: undefined };
}

function roundsOf(text: string | undefined, problems: string[]): RoundRange {
  const all = { first: 1, last: MAX_ROUND };
  if (text === undefined) return all;
  const [, from = "", dash, to = ""] = /^(\d{1,4})?(-)?(\d{1,4})?$/.exec(text) ?? [];
  const first = from === "" ? 1 : Number(from);
  const last = dash === undefined ? first : to === "" ? MAX_ROUND : Number(to);
  if ((from !== "" || to !== "") && first >= 1 && first <= last) return { first, last };
  problems.push("--rounds must be a round or a range of rounds, such as 7, 10-20 or 10-");
  return all;
}

function tablesOf(text: string | undefined, problems: string[]): readonly TableName[] {
  if (text === undefined) return TABLES;
  const names = text.split(",").map((name) => name.trim());
  const known = TABLES.filter((name) => names.includes(name));
  if (known.length > 0 && names.every((name) => isIn(TABLES, name))) return known;
  problems.push(`--what must be ${TABLES.join(" or ")}, or both with a comma between`);
  return TABLES;
}

function trackingOf(uri: string | undefined, problems: string[]): string {
  const url = uri === undefined ? null : URL.parse(uri);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    problems.push(
      "--tracking must be the http(s) address of an MLflow server, such as http://127.0.0.1:5000, and may come from MLFLOW_TRACKING_URI",
    );
    return "";
  }
  if (url.username !== "" || url.password !== "") {
    problems.push(
      "--tracking must hold no password: set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD",
    );
  }
  return url.href.replace(/\/+$/, "");
}
