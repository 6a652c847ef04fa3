// A model version as one safetensors file, with facts about it in its header.
import { safetensorsParts } from "../../../../shared/core/updates/safetensors.ts";
import { tensorsOf } from "../../../../shared/core/updates/weights.ts";
import type { ExportedFile, ExportedModel } from "./exportedModel.ts";

export function safetensorsModel({ weights, metadata }: ExportedModel): readonly ExportedFile[] {
  return [{ name: "model.safetensors", parts: safetensorsParts(tensorsOf(weights), metadata) }];
}
