// Reads a model version and what is known of it from the api.
import { createHash } from "node:crypto";
import { FlError } from "../../../../shared/core/errors.ts";
import { kerasNames } from "../../../../shared/core/models/kerasNames.ts";
import { readTopology } from "../../../../shared/core/models/topology.ts";
import type { LayersTopology } from "../../../../shared/core/schemas/model.ts";
import type { Run } from "../../../../shared/core/schemas/run.ts";
import { asFloat32, decodeSafetensors } from "../../../../shared/core/updates/safetensors.ts";
import { orderWeights } from "../../../../shared/core/updates/weights.ts";
import type { ApiClient, ModelLink } from "../../apiClient.ts";
import type { ExportedModel } from "./exportedModel.ts";

/** A model of some GiB takes its time. */
const DOWNLOAD_MS = 600_000;

/**
 * The version that a link is to.
 *
 * @throws FlError("data-loss") for a file that is not the run's model, whole
 */
export async function readModel(api: ApiClient, run: Run, link: ModelLink): Promise<ExportedModel> {
  const { version } = link;
  if (run.model === null) throw new FlError("failed-precondition", `Run ${run.runId} is not prepared yet.`);
  const file = await download(link.url, `version ${version} of run ${run.runId}`);
  const { tensors, metadata } = decodeSafetensors(file, { maxHeaderBytes: 2 ** 27 });
  const given = tensors.map((tensor) => ({
    name: tensor.name,
    shape: tensor.shape,
    values: asFloat32(tensor),
  }));
  const weights = orderWeights(given, run.model.parameters);
  const { topology, source } = await readTopologies(api, run);
  const names = weights.map(({ name }) => name);
  const keras = topology === null ? null : kerasNames(topology, names);
  const round = metadata["round"];
  return {
    run,
    version,
    weights,
    topology,
    source,
    metadata: {
      runId: run.runId,
      version: String(version),
      ...(round === undefined ? {} : { round }),
      specSha256: createHash("sha256").update(JSON.stringify(run.spec)).digest("hex"),
      ...(keras === null ? {} : { kerasNames: JSON.stringify(Object.fromEntries(keras)) }),
    },
  };
}

async function readTopologies(
  api: ApiClient,
  { runId }: Run,
): Promise<{ readonly topology: LayersTopology | null; readonly source: unknown }> {
  const links = await api.topology(runId);
  if (links === null) return { topology: null, source: null };
  const topology = readTopology(await download(links.topology.url, `the topology of run ${runId}`));
  if (links.source === null) return { topology, source: null };
  const source = await download(links.source.url, `the model of run ${runId} as it was given`);
  return { topology, source: JSON.parse(new TextDecoder().decode(source)) };
}

/** The link is its own authority: no identity goes with it. */
async function download(url: string, what: string): Promise<Uint8Array> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(DOWNLOAD_MS) });
    if (!response.ok) throw new Error(`the storage answered ${response.status}`);
    return new Uint8Array(await response.arrayBuffer());
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new FlError("unavailable", `Cannot read ${what}: ${why}. Export again.`, { cause });
  }
}
