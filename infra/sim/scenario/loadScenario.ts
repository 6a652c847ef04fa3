// Finds a scenario: by name in ../scenarios, or a file of the user's own.
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import * as z from "zod";
import { FlError } from "../../../shared/core/errors.ts";
import { readText } from "../../cli/files.ts";
import { Scenario } from "./scenario.ts";

const folder = fileURLToPath(new URL("../scenarios/", import.meta.url));

/**
 * @param name such as `paper/mnist`, or the path of a `.json` file.
 * @throws FlError("not-found") naming the scenarios there are; FlError("invalid-argument") saying what a
 *   file has wrong.
 */
export async function loadScenario(name: string): Promise<Scenario> {
  const path = name.endsWith(".json") ? name : `${folder}${name}.json`;
  if (name.endsWith(".json") && existsSync(path)) return parseScenario(name, await readText(path));
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    const known = (await scenarioNames()).join(", ");
    throw new FlError(
      "not-found",
      `There is no scenario ${name}; there are ${known}, or a .json file of yours.`,
      {
        cause,
      },
    );
  }
  return parseScenario(name, text);
}

/** @throws FlError("invalid-argument") */
export function parseScenario(name: string, text: string): Scenario {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new FlError("invalid-argument", `Scenario ${name} is not JSON.`, { cause });
  }
  const parsed = Scenario.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new FlError("invalid-argument", `Scenario ${name}:\n${z.prettifyError(parsed.error)}`);
}

/** The names of the scenarios that come with the simulator, ascending. */
export async function scenarioNames(): Promise<readonly string[]> {
  const files = await readdir(folder, { recursive: true });
  return files
    .flatMap((file) => (file.endsWith(".json") ? [file.slice(0, -5).replaceAll("\\", "/")] : []))
    .sort();
}
