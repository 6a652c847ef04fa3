// The release of this program, as its package.json says it: in the repository, and where it is installed.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { FlError } from "../../shared/core/errors.ts";

let known: string | undefined;

/** Such as 0.1.0. It is that of the nearest folder above this file whose package is FedStratus. */
export function releaseOfThis(): string {
  known ??= releaseAbove(import.meta.dirname);
  return known;
}

function releaseAbove(folder: string): string {
  const release = releaseIn(folder);
  if (release !== undefined) return release;
  const parent = dirname(folder);
  if (parent === folder)
    throw new FlError("internal", "No package.json of FedStratus is above this program.");
  return releaseAbove(parent);
}

function releaseIn(folder: string): string | undefined {
  try {
    const { name, version } = Object(JSON.parse(readFileSync(join(folder, "package.json"), "utf8")));
    return name === "fedstratus" && typeof version === "string" ? version : undefined;
  } catch {
    return undefined;
  }
}
