// A model version as a `.keras` file: a zip of the model's JSON and an HDF5 file of its weights.
import { zipSync } from "fflate";
import { FlError } from "../../../../shared/core/errors.ts";
import { type KerasVariable, kerasVariables } from "../../../../shared/core/models/kerasFile.ts";
import { givenKerasModel, kerasModel } from "../../../../shared/core/models/kerasModel.ts";
import { quoteName } from "../../../../shared/core/updates/safetensors.ts";
import type { Weights } from "../../../../shared/core/updates/weights.ts";
import type { ExportedFile, ExportedModel } from "./exportedModel.ts";
import { withoutTopology } from "./tfjsModel.ts";
import { withinZip } from "./zipLimits.ts";

/** The Keras whose words and places the file has. */
const KERAS_VERSION = "3.15.1";
const WEIGHTS = "model.weights.h5";
/** Names that a message lists. */
const MAX_NAMES = 5;

/**
 * The model as it was given where that is Keras 3's own file, else made of the run's topology. It is not
 * compiled, and has no optimizer.
 *
 * @throws FlError("failed-precondition") for a run without a topology, a model with layers that Keras does
 *   not have, or one that is too large
 */
export async function kerasFile(
  { topology, source, weights }: ExportedModel,
  nowMs: number,
): Promise<readonly ExportedFile[]> {
  if (topology === null) throw withoutTopology("keras");
  withinZip("keras", weights);
  const model = givenKerasModel(source) ?? kerasModel(topology);
  const placed = placesOf(kerasVariables({ model_config: model }), weights);
  const saved = new Date(nowMs).toISOString().slice(0, 19).replace("T", "@");
  const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  const file = zipSync(
    {
      "metadata.json": json({ keras_version: KERAS_VERSION, date_saved: saved }),
      "config.json": json(model),
      [WEIGHTS]: await weightsFile(placed),
    },
    { level: 0, mtime: nowMs },
  );
  return [{ name: "model.keras", parts: [file] }];
}

interface PlacedWeight {
  /** Of its data set in the HDF5 file. */
  readonly path: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

function placesOf(variables: readonly KerasVariable[], weights: Weights): readonly PlacedWeight[] {
  const byName = new Map(weights.map((weight) => [weight.name, weight]));
  const placed = variables.flatMap(({ path, name }) => {
    const weight = byName.get(name);
    if (weight === undefined) return [];
    byName.delete(name);
    return [{ path, shape: weight.shape, values: weight.values }];
  });
  if (byName.size === 0 && placed.length === variables.length) return placed;
  const left = [...byName.keys()];
  const named = left.slice(0, MAX_NAMES).map(quoteName).join(", ");
  const more = left.length > MAX_NAMES ? ` and ${left.length - MAX_NAMES} more` : "";
  throw new FlError(
    "failed-precondition",
    `A .keras file has no place for all of the model's weights${left.length === 0 ? "" : ` (${named}${more})`}: it has layers that Keras 3 does not have. Take --format tfjs, safetensors or npz.`,
  );
}

/** Loaded when it is needed: it is large. The file lies in the library's own memory meanwhile. */
async function weightsFile(placed: readonly PlacedWeight[]): Promise<Uint8Array> {
  const { default: h5wasm } = await import("h5wasm");
  const { FS, activate_throwing_error_handler: throwErrors } = await h5wasm.ready;
  throwErrors(); // They would be printed otherwise.
  try {
    const file = new h5wasm.File(WEIGHTS, "w");
    try {
      const made = new Set<string>();
      for (const { path, shape, values } of placed) {
        const groups = path.split("/").slice(0, -1);
        for (let depth = 1; depth <= groups.length; depth++) {
          const group = groups.slice(0, depth).join("/");
          if (!made.has(group)) file.create_group(group);
          made.add(group);
        }
        file.create_dataset({ name: path, data: values, shape: [...shape], dtype: "<f4" });
      }
    } finally {
      file.close();
    }
    return FS.readFile(WEIGHTS);
  } finally {
    if (FS.analyzePath(WEIGHTS).exists) FS.unlink(WEIGHTS);
  }
}
