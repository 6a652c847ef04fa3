// Images or texts that are split: whole files, copied into a folder a client.
import { copyFile, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { DataFile } from "../../../shared/cloud/data/files.ts";
import { folderOf } from "../../../shared/cloud/data/images.ts";
import { FlError } from "../../../shared/core/errors.ts";
import { labelCoder, type SplitSource } from "./source.ts";

export function fileSource(files: readonly DataFile[], kind: "images" | "text"): SplitSource {
  const hasLabels = kind === "images";
  return {
    format: kind,
    notes: [],
    async scan({ label, column, needsLabels }) {
      if (label !== undefined) throw notOf(kind, "--label", hasLabels);
      if (column !== undefined) throw notOf(kind, "--column", hasLabels);
      if (needsLabels && !hasLabels) {
        throw new FlError(
          "invalid-argument",
          "Texts have no labels to split by: use --by iid or size, or put the files of each client into a folder of its own.",
        );
      }
      const coder = labelCoder();
      if (hasLabels) for (const file of files) coder.add(folderOf(file));
      return {
        units: { count: files.length, labels: hasLabels ? coder.coded() : null, groups: null },
        facts: { rows: files.length, refused: [], dropped: 0 },
      };
    },
    async write(clientOf, clientIds, folder, signal) {
      for (const clientId of clientIds) await mkdir(join(folder, clientId), { recursive: true });
      for (const [unit, file] of files.entries()) {
        signal.throwIfAborted();
        // Where the path is that of one class, its folder is no part of the files' names.
        const name = hasLabels && !file.name.includes("/") ? `${folderOf(file)}/${file.name}` : file.name;
        const to = join(folder, clientIds[clientOf[unit] ?? 0] ?? "", name);
        await mkdir(dirname(to), { recursive: true });
        await copyFile(fileURLToPath(file.address), to);
      }
      return clientIds;
    },
  };
}

function notOf(kind: "images" | "text", option: string, hasLabels: boolean): FlError {
  const instead = hasLabels ? ": an image's label is its folder" : "";
  return new FlError(
    "invalid-argument",
    `${option} names a column, which ${kind} do not have${instead}: leave it out.`,
  );
}
