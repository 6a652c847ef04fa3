// `npm run convert`: a `.keras` file as what a run's spec takes, a model's JSON and a safetensors file.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { FlError } from "../../../shared/core/errors.ts";
import { modelProblems } from "../../../shared/core/models/modelProblems.ts";
import { encodeSafetensors } from "../../../shared/core/updates/safetensors.ts";
import { whyNot } from "../../setup/faults.mjs";
import { readKerasFile } from "./readKerasFile.ts";

export interface Converted {
  readonly paths: readonly string[];
  /** What a run has against the model, before its loss is known. */
  readonly problems: readonly string[];
}

/**
 * Writes `model.json` and `weights.safetensors` into the folder, which is made where it is missing.
 *
 * @throws FlError("invalid-argument") for a file that cannot be read or is none of Keras, or a folder that
 *   cannot be written to
 */
export async function convertKeras(path: string, folder: string): Promise<Converted> {
  const given = await orRefused(`${path} cannot be read`, () => readFile(path));
  const { json, topology, weights } = await readKerasFile(given).catch((cause) => {
    if (cause instanceof FlError) throw new FlError(cause.code, `${path}: ${cause.message}`, { cause });
    throw cause;
  });
  const files = [
    ["model.json", json],
    ["weights.safetensors", encodeSafetensors(weights)],
  ] as const;
  return orRefused(`${folder} cannot be written to`, async () => {
    await mkdir(folder, { recursive: true });
    const paths = files.map(([name, content]) => [join(folder, name), content] as const);
    for (const [file, content] of paths) await writeFile(file, content);
    return { paths: paths.map(([file]) => file), problems: modelProblems(topology, null) };
  });
}

async function orRefused<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new FlError("invalid-argument", `${what}: ${whyNot(error)}.`, { cause: error });
  }
}
