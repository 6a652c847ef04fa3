// A model version as a `.npz` file: one array for each parameter, by its name.
import { type Zippable, zipSync } from "fflate";
import type { ExportedFile, ExportedModel } from "./exportedModel.ts";
import { npyFile } from "./npy.ts";
import { withinZip } from "./zipLimits.ts";

export function npzModel({ weights }: ExportedModel): readonly ExportedFile[] {
  withinZip("npz", weights);
  const arrays: Zippable = {};
  for (const { name, shape, values } of weights) arrays[`${name}.npy`] = npyFile(shape, values);
  return [{ name: "model.npz", parts: [zipSync(arrays, { level: 0 })] }];
}
