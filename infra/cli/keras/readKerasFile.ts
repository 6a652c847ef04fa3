// Reads a `.keras` file: a zip of the model's JSON and an HDF5 file of its weights.
import { unzipSync } from "fflate";
import { FlError } from "../../../shared/core/errors.ts";
import { type KerasVariable, kerasVariables } from "../../../shared/core/models/kerasFile.ts";
import { LayersTopology } from "../../../shared/core/schemas/model.ts";
import { floatTensor, type Tensor } from "../../../shared/core/updates/safetensors.ts";

export interface KerasFile {
  /** As `model.to_json()` writes it. */
  readonly json: string;
  readonly topology: LayersTopology;
  /** Of the layers that are supported, by the names that a run has for them. */
  readonly weights: readonly Tensor[];
}

const CONFIG = "config.json";
const WEIGHTS = "model.weights.h5";

/** @throws FlError("invalid-argument") for a file that `model.save` of Keras 3 has not written */
export async function readKerasFile(file: Uint8Array): Promise<KerasFile> {
  const entries = unzipped(file);
  const [config, weights] = [entries[CONFIG], entries[WEIGHTS]];
  if (config === undefined) throw notKeras(`it lacks ${CONFIG}`);
  if (weights === undefined) throw notKeras(`it lacks ${WEIGHTS}`);
  const json = new TextDecoder().decode(config);
  const topology = topologyOf(json);
  return { json, topology, weights: await readTensors(weights, kerasVariables(topology)) };
}

function unzipped(file: Uint8Array): Readonly<Record<string, Uint8Array>> {
  try {
    return unzipSync(file, { filter: ({ name }) => name === CONFIG || name === WEIGHTS });
  } catch (cause) {
    throw notKeras("it is no zip file", cause);
  }
}

function topologyOf(json: string): LayersTopology {
  try {
    return LayersTopology.parse({ model_config: JSON.parse(json) });
  } catch (cause) {
    throw notKeras(`its ${CONFIG} holds no model`, cause);
  }
}

/** Loaded when it is needed: it is large, and no function has it. */
async function readTensors(file: Uint8Array, variables: readonly KerasVariable[]): Promise<Tensor[]> {
  const { default: h5wasm, Dataset } = await import("h5wasm");
  const { FS, activate_throwing_error_handler: throwErrors } = await h5wasm.ready;
  throwErrors(); // They would be printed otherwise.
  FS.writeFile(WEIGHTS, file); // In the library's own memory.
  try {
    const opened = new h5wasm.File(WEIGHTS, "r");
    try {
      return variables.map(({ path, name }) => {
        const found = opened.get(path);
        if (!(found instanceof Dataset)) throw notKeras(`its ${WEIGHTS} lacks ${path}, which is ${name}`);
        const { value, shape } = found;
        if (!(value instanceof Float32Array || value instanceof Float64Array)) {
          throw notKeras(`${name} has the type ${String(found.dtype)}: save the model with float32 weights`);
        }
        return floatTensor(name, shape ?? [], Float32Array.from(value));
      });
    } finally {
      opened.close();
    }
  } catch (cause) {
    throw cause instanceof FlError ? cause : notKeras(`its ${WEIGHTS} cannot be read`, cause);
  } finally {
    FS.unlink(WEIGHTS);
  }
}

function notKeras(why: string, cause?: unknown): FlError {
  return new FlError(
    "invalid-argument",
    `this is no .keras file of Keras 3: ${why}. Write one in Keras: model.save("model.keras"), where need be after model = keras.saving.load_model(FILE).`,
    { cause },
  );
}
