// `npm run convert`: a `.keras` file as what a run's spec takes, a model's JSON and a safetensors file.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { FlError } from "../../../shared/core/errors.ts";
import { encodeSafetensors } from "../../../shared/core/updates/safetensors.ts";
import { whyNot } from "../../setup/faults.mjs";
import { readKerasFile } from "./readKerasFile.ts";

/**
 * Writes `model.json` and `weights.safetensors` into the folder, which is made where it is missing; returns
 * their paths.
 *
 * @throws FlError("invalid-argument") for a file that cannot be read or is none of Keras, or a folder that
 *   cannot be written to
 */
export async function convertKeras(path: string, folder: string): Promise<readonly string[]> {
  const given = await orRefused(`${path} cannot be read`, () => readFile(path));
  const { json, weights } = await readKerasFile(given);
  const files = [
    ["model.json", json],
    ["weights.safetensors", encodeSafetensors(weights)],
  ] as const;
  return orRefused(`${folder} cannot be written to`, async () => {
    await mkdir(folder, { recursive: true });
    const paths = files.map(([name, content]) => [join(folder, name), content] as const);
    for (const [file, content] of paths) await writeFile(file, content);
    return paths.map(([file]) => file);
  });
}

async function orRefused<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new FlError("invalid-argument", `${what}: ${whyNot(error)}.`, { cause: error });
  }
}
