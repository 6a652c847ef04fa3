// A model version in a folder: its files in one format, a card, and facts for programs.
import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { MAX_ROUND } from "../../../../shared/core/schemas/ids.ts";
import type { Run } from "../../../../shared/core/schemas/run.ts";
import type { ApiClient } from "../../apiClient.ts";
import type { ModelExport } from "../exportOptions.ts";
import type { ModelFormat } from "../formats.ts";
import { roundsOf } from "../tables/rows.ts";
import { CardGatherer } from "./cardFacts.ts";
import type { ExportedFile, ExportedModel } from "./exportedModel.ts";
import { modelCard } from "./modelCard.ts";
import { readModel } from "./readModel.ts";
import { safetensorsModel } from "./safetensorsModel.ts";

export interface ModelTools {
  readonly api: ApiClient;
  /** Of this program, such as 0.1.0. */
  readonly release: string;
  readonly nowMs: () => number;
}

export async function exportModel(
  { format, version, withClients }: ModelExport,
  run: Run,
  { api, release, nowMs }: ModelTools,
  folder: string,
): Promise<void> {
  const link = await api.model(run.runId, version);
  const gathered = new CardGatherer(link.version, run.setBacks);
  for await (const round of roundsOf(api, run, { first: 1, last: MAX_ROUND })) {
    if (gathered.add(round) === "complete") break;
  }
  const facts = gathered.facts(await api.clients(), withClients);
  const read = await readModel(api, run, link);
  const scores = JSON.stringify(facts.scores);
  const model: ExportedModel = { ...read, metadata: { ...read.metadata, metrics: scores } };
  const files = await filesOf(format, model, release, nowMs());
  const sha256 = Object.fromEntries(files.map((file) => [file.name, sumOf(file)]));
  const card = modelCard({ run, version: link.version, format, facts, release, sha256 });
  const { kerasNames = "null" } = model.metadata;
  const told = {
    ...model.metadata,
    version: link.version,
    metrics: facts.scores,
    kerasNames: JSON.parse(kerasNames),
    parameters: model.weights.map(({ name, shape }) => ({ name, shape })),
    sha256,
  };
  const texts = [
    textFile("metadata.json", `${JSON.stringify(told, null, 2)}\n`),
    textFile("README.md", card),
  ];
  for (const file of [...files, ...texts]) await writeParts(join(folder, file.name), file.parts);
}

/** Formats with large libraries are loaded when they are asked for. */
async function filesOf(
  format: ModelFormat,
  model: ExportedModel,
  release: string,
  nowMs: number,
): Promise<readonly ExportedFile[]> {
  switch (format) {
    case "safetensors":
      return safetensorsModel(model);
    case "npz": {
      const { npzModel } = await import("./npzModel.ts");
      return npzModel(model);
    }
    case "tfjs": {
      const { tfjsModel } = await import("./tfjsModel.ts");
      return tfjsModel(model, `fedstratus ${release}`);
    }
    case "keras": {
      const { kerasFile } = await import("./kerasFile.ts");
      return kerasFile(model, nowMs);
    }
  }
}

function textFile(name: string, text: string): ExportedFile {
  return { name, parts: [new TextEncoder().encode(text)] };
}

function sumOf({ parts }: ExportedFile): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}

async function writeParts(path: string, parts: readonly Uint8Array[]): Promise<void> {
  const file = await open(path, "wx");
  try {
    for (const part of parts) await file.writeFile(part);
  } finally {
    await file.close();
  }
}
