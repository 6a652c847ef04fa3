// A run's spec from a file that holds one, a model alone, or both in a file each.
import { readFile } from "node:fs/promises";
import { FlError } from "../../shared/core/errors.ts";
import { isObject } from "../../shared/core/models/topology.ts";
import { whyNot } from "../setup/faults.mjs";

interface Paths {
  /** Of a run's spec, without its model where there is one beside it. */
  readonly spec?: string;
  /** Of a model's JSON, or alone of a whole spec. */
  readonly model?: string;
}

/**
 * Null where neither is named.
 *
 * @throws FlError("invalid-argument") for a file that cannot be read or is no JSON, and for two models
 */
export async function readSpec({ spec, model }: Paths): Promise<unknown> {
  const json = model === undefined ? undefined : await readJson(model);
  if (spec !== undefined) {
    const written = await readJson(spec);
    if (json === undefined || !isObject(written)) return written;
    if (written["model"] !== undefined) {
      throw new FlError("invalid-argument", `${spec} has a model, and ${model} is another: leave one out.`);
    }
    return { ...written, model: { layers: json } };
  }
  if (json === undefined) return null;
  if (isObject(json) && "model" in json) return json;
  return { name: "dev", model: { layers: json }, selection: { strategy: "random", cohortSize: 1 } };
}

async function readJson(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    throw new FlError("invalid-argument", `${path} cannot be read: ${whyNot(error)}.`, { cause: error });
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new FlError("invalid-argument", `${path} is not JSON.`, { cause });
  }
}
