// The features file that a command is given by --features.
import { statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { readFeatures } from "../../shared/cloud/data/readFeatures.ts";
import type { Features } from "../../shared/core/data/features.ts";
import { FlError } from "../../shared/core/errors.ts";
import { LOCAL_ONLY, localAddress } from "./ownersFiles.ts";

/**
 * Undefined where none is given.
 *
 * @throws FlError("invalid-argument") where there is no such file, or with every problem that it has
 */
export async function ownersFeatures(file: string | undefined, cwd: string): Promise<Features | undefined> {
  if (file === undefined) return undefined;
  const address = localAddress(file, cwd);
  const found = statSync(fileURLToPath(address), { throwIfNoEntry: false });
  if (found === undefined || found.isDirectory()) {
    const why = found === undefined ? "there is no such file" : "it is a folder";
    throw new FlError(
      "invalid-argument",
      `--features ${file} cannot be read: ${why}. Name a features file; fedstratus data inspect DATA --out FILE writes a first one.`,
    );
  }
  return readFeatures(address, LOCAL_ONLY);
}
