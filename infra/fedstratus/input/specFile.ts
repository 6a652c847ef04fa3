// A run's spec as a person gives it: a file of JSON or YAML, or standard input, with changes and a model.
import { isAbsolute, join } from "node:path";
import { text as textOfStream } from "node:stream/consumers";
import { FlError } from "../../../shared/core/errors.ts";
import { readText } from "../../cli/files.ts";
import type { Io } from "../frame/io.ts";
import { withChanges } from "./setPath.ts";

export interface SpecOptions {
  /** As of `--set`. */
  readonly set: readonly string[];
  /** A file of a topology, such as a Keras model's JSON, that becomes the spec's model. */
  readonly model: string | undefined;
}

/** @throws FlError("invalid-argument") for a file that cannot be read, or is neither JSON nor YAML */
export async function readSpec(
  file: string,
  { set, model }: SpecOptions,
  io: Pick<Io, "cwd" | "stdin">,
): Promise<unknown> {
  const spec = await parsed(
    file === "-" ? await textOfStream(io.stdin) : await readText(pathOf(file, io)),
    file,
  );
  const written =
    model === undefined
      ? spec
      : withModel(spec, await parsed(await readText(pathOf(model, io)), model), file);
  return withChanges(written, set);
}

/** A path as the person means it, who is in `cwd`. */
export function pathOf(file: string, { cwd }: Pick<Io, "cwd">): string {
  return isAbsolute(file) ? file : join(cwd, file);
}

async function parsed(text: string, file: string): Promise<unknown> {
  const isYaml = /\.ya?ml$/.test(file);
  try {
    if (!isYaml) return JSON.parse(text);
    const { parse } = await import("yaml");
    return parse(text);
  } catch (cause) {
    const what = file === "-" ? "Standard input" : file;
    const why = String(Object(cause).message).split("\n")[0];
    throw new FlError("invalid-argument", `${what} is not ${isYaml ? "YAML" : "JSON"}: ${why}.`, { cause });
  }
}

function withModel(spec: unknown, layers: unknown, file: string): unknown {
  const { model } = Object(spec);
  const { weights, ...others } = Object(model);
  if (Object.keys(others).length > 0) {
    throw new FlError(
      "invalid-argument",
      `${file} has a model, and --model names another: leave one of them out.`,
    );
  }
  return { ...Object(spec), model: { layers, ...(weights === undefined ? {} : { weights }) } };
}
