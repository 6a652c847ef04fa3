// Data of any kind as samples and labels: what a client reads fastest, and without a features file.
import type { DataFile } from "../../../shared/cloud/data/files.ts";
import { openData } from "../../../shared/cloud/data/openData.ts";
import type { Features } from "../../../shared/core/data/features.ts";
import { RowTally } from "../../../shared/core/data/tally.ts";
import { rowHashes } from "../../../shared/core/data/validationShare.ts";
import { ROOM_BYTES } from "../ownersFiles.ts";
import { openSampleFiles } from "../write/sampleFiles.ts";
import type { Converted, Parts } from "./converted.ts";
import { partOf, splitSeed } from "./partOf.ts";

/** @param features null for arrays named x and y */
export async function convertSamples(
  files: readonly DataFile[],
  features: Features | null,
  { paths, share, seed }: Parts,
  signal: AbortSignal,
): Promise<Converted> {
  const source = await openData(files, features, ROOM_BYTES);
  const { inputShape, targetShape, maxRefusedShare } = source;
  const classes = features === null ? undefined : classesOf(features);
  const out = await openSampleFiles(paths, {
    inputShape,
    targetShape,
    ...(classes === undefined ? {} : { classes }),
  });
  const tally = new RowTally();
  const counts = paths.map(() => 0);
  for await (const { rows } of source.pieces(tally)) {
    signal.throwIfAborted();
    const hashes = rowHashes(rows, splitSeed(seed));
    for (let row = 0; row < rows.count; row++) {
      const part = partOf(hashes[row] ?? 0, share);
      counts[part] = (counts[part] ?? 0) + 1;
      await out.add(part, rows, row);
    }
  }
  await out.finish();
  return { facts: tally.facts(), counts, maxRefusedShare, inputShape, targetShape };
}

/** How many class numbers there are, where labels are such. */
function classesOf(features: Features): number | undefined {
  switch (features.kind) {
    case "images":
      return features.classes.length;
    case "arrays":
      return features.classes;
    case "text":
      return undefined;
    case "table": {
      const [target, ...more] = features.target;
      if (target === undefined || more.length > 0) return undefined;
      if (target.type === "category" && target.encode !== "one-hot")
        return target.vocabulary.length + (target.other === "class" ? 1 : 0);
      return "classes" in target ? target.classes : undefined;
    }
  }
}
