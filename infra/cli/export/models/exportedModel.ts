// A model version as it is exported: what the api gives of it, read and checked.
import type { LayersTopology } from "../../../../shared/core/schemas/model.ts";
import type { Run } from "../../../../shared/core/schemas/run.ts";
import type { Weights } from "../../../../shared/core/updates/weights.ts";

export interface ExportedModel {
  readonly run: Run;
  readonly version: number;
  /** In the order of the run's parameters. */
  readonly weights: Weights;
  /** What is trained; null in a run that names its parameters only. */
  readonly topology: LayersTopology | null;
  /** `model` of the spec as it was given; null where none was kept. */
  readonly source: unknown;
  /** Facts by name, which files keep beside the weights. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** A file of an export. */
export interface ExportedFile {
  /** Relative to the folder. */
  readonly name: string;
  readonly parts: readonly Uint8Array[];
}
