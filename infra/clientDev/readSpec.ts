// A run's spec from a file that holds one, or a model alone.
import { readFile } from "node:fs/promises";
import { FlError } from "../../shared/core/errors.ts";
import { isObject } from "../../shared/core/models/topology.ts";
import { whyNot } from "../setup/faults.mjs";

/** @throws FlError("invalid-argument") for a file that cannot be read or is no JSON */
export async function readSpec(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    throw new FlError("invalid-argument", `${path} cannot be read: ${whyNot(error)}.`, { cause: error });
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new FlError("invalid-argument", `${path} is not JSON.`, { cause });
  }
  if (isObject(json) && "model" in json) return json;
  return { name: "dev", model: { layers: json }, selection: { strategy: "random", cohortSize: 1 } };
}
