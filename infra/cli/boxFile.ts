// What a local cloud that keeps its data says of itself in its folder, for programs that call its api.
import { join } from "node:path";
import type { Box } from "../box/box.ts";
import { writeResult } from "./files.ts";

export const BOX_FILE = "addresses.json";

/** @param dir the folder of `--data` */
export async function writeBoxFile(
  dir: string,
  box: Pick<Box, "apiUrl" | "env" | "projectId">,
): Promise<void> {
  const { apiUrl, env, projectId } = box;
  const told = { apiUrl, metadataHost: env["GCE_METADATA_HOST"], project: projectId };
  await writeResult("--data", join(dir, BOX_FILE), `${JSON.stringify(told, null, 2)}\n`);
}
