// A federation's file: where the clients' data, the test set, the features, the model and the run's spec lie,
// each relative to the file. The addresses mean what the functions' variables of the same use mean.
import { existsSync, statSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { dirname, join, resolve, sep } from "node:path";
import * as z from "zod";
import { FlError, type Problem } from "../../../shared/core/errors.ts";
import { ClientId } from "../../../shared/core/schemas/ids.ts";
import { inPlainWords, plainProblems } from "../../../shared/core/schemas/plainProblems.ts";
import { readText } from "../files.ts";

const FILE = "federation.json";
const HOLE = "{clientId}";

const Path = z.string().min(1);
const FederationFile = z.strictObject({
  clients: Path.refine(
    (path) => path.split(HOLE).length === 2,
    `must hold ${HOLE} once, such as data/clients/${HOLE}`,
  ).describe("The clients' data: CLIENT_DATA of a deployment."),
  test: Path.describe("What versions are scored on: EVALUATION_DATA of a deployment."),
  features: Path.optional().describe("The features file of both; absent: arrays x and y."),
  spec: Path.default("spec.json").describe("The run's spec, without its model."),
  model: Path.optional().describe("The model, such as a Keras model's JSON; absent: the spec names it."),
  weights: z
    .union([
      Path.transform((file) => ({ file, partial: false })),
      z.strictObject({ file: Path, partial: z.boolean().default(false) }),
    ])
    .optional()
    .describe(
      "A safetensors file that training begins with, or an object of its `file` and `partial`; absent: drawn from the seed.",
    ),
  prepare: Path.optional().describe("A script that makes the data; run where they are not there."),
});

export interface BeginningWeights {
  readonly file: string;
  /** Whether it may lack parameters, which are drawn from the seed then, and hold others. */
  readonly partial: boolean;
}

export interface Federation {
  /** The file it was read from. */
  readonly file: string;
  /** Of the clients' data, with `{clientId}`. This and the others are absolute paths. */
  readonly clients: string;
  readonly test: string;
  readonly features: string | undefined;
  readonly spec: string;
  readonly model: string | undefined;
  readonly weights: BeginningWeights | undefined;
  readonly prepare: string | undefined;
}

/**
 * Reads a federation's file.
 *
 * @param given the file, or the folder that its `federation.json` lies in
 * @throws FlError("invalid-argument") with every problem
 */
export async function readFederation(given: string): Promise<Federation> {
  const file = statSync(given, { throwIfNoEntry: false })?.isDirectory() ? join(given, FILE) : given;
  if (!existsSync(file)) {
    throw new FlError(
      "invalid-argument",
      `There is no ${file}: name a folder that has a ${FILE}, such as examples/images, or the file itself.`,
    );
  }
  const parsed = FederationFile.safeParse(await readJson(file), inPlainWords);
  if (!parsed.success) throw refused(file, plainProblems(parsed.error));
  const inFolder = (path: string) => resolve(dirname(file), path);
  const optional = (path: string | undefined) => (path === undefined ? undefined : inFolder(path));
  const { clients, test, features, spec, model, weights, prepare } = parsed.data;
  const federation: Federation = {
    file,
    clients: inFolder(clients),
    test: inFolder(test),
    features: optional(features),
    spec: inFolder(spec),
    model: optional(model),
    weights: weights && { ...weights, file: inFolder(weights.file) },
    prepare: optional(prepare),
  };
  const missing = (["features", "spec", "model", "weights", "prepare"] as const).flatMap((key) => {
    const named = federation[key];
    const path = typeof named === "object" ? named.file : named;
    return path === undefined || existsSync(path) ? [] : [{ path: key, message: `there is no ${path}` }];
  });
  if (missing.length > 0) throw refused(file, missing);
  return federation;
}

/** The JSON in a file. @throws FlError("invalid-argument") naming the file */
export async function readJson(path: string): Promise<unknown> {
  const text = await readText(path);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new FlError("invalid-argument", `${path} is not JSON: ${String(Object(cause).message)}.`, {
      cause,
    });
  }
}

/**
 * The clients that have data, by name, in order.
 *
 * @param template a path with `{clientId}`, as `clients` of a federation's file
 * @throws FlError("invalid-argument") for a name that no client can have
 */
export async function clientsWithData(template: string): Promise<readonly string[]> {
  const parts = template.split(sep);
  const at = parts.findIndex((part) => part.includes(HOLE));
  const [before = "", after = ""] = (parts[at] ?? "").split(HOLE);
  const folder = parts.slice(0, at).join(sep) || sep;
  const entries = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  const names = entries
    .filter((name) => !/^[._]/.test(name) && name.length > before.length + after.length)
    .filter((name) => name.startsWith(before) && name.endsWith(after))
    .map((name) => name.slice(before.length, name.length - after.length))
    .toSorted();
  const problems = names.flatMap((name) => {
    const checked = ClientId.safeParse(name);
    return checked.success
      ? []
      : [{ path: join(folder, `${before}${name}${after}`), message: checked.error.issues[0]?.message ?? "" }];
  });
  if (problems.length > 0) throw refused("The clients' data", problems);
  return names;
}

/** One sentence for all problems. */
export function refused(what: string, problems: readonly Problem[]): FlError {
  const told = problems.map(({ path, message }) => (path === "" ? message : `${path}: ${message}`));
  return new FlError("invalid-argument", `${what} cannot be used: ${told.join("; ")}.`, { problems });
}
