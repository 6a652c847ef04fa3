// Creates a run of a spec that a person gives, and remembers it as the last one of this folder.
import { randomUUID } from "node:crypto";
import { FlError } from "../../../shared/core/errors.ts";
import { Run } from "../../../shared/core/schemas/run.ts";
import { readBytes } from "../../cli/files.ts";
import type { Read } from "../frame/api.ts";
import type { Context } from "../frame/context.ts";
import { writeLastRun } from "../frame/lastRun.ts";
import { pathOf, readSpec, type SpecOptions } from "./specFile.ts";

export interface CreateOptions extends SpecOptions {
  readonly weights: string | undefined;
  readonly key: string | undefined;
}

export async function createRun(file: string, options: CreateOptions, context: Context): Promise<Read<Run>> {
  const { io, out } = context;
  const spec = await readSpec(file, options, io);
  const api = await context.api();
  const body = options.weights === undefined ? spec : await withWeights(spec, options.weights);
  // Without a key of the person's own it is this call's alone: tried again, it still makes one run.
  const key = options.key ?? randomUUID();
  const run = await api.call({ method: "POST", path: "/v1/runs", body, key }, Run);
  await writeLastRun(io.cwd, api.url, run.value.runId).catch((error: unknown) => {
    if (!(error instanceof FlError)) throw error;
    out.warn(`@last will not know this run: ${error.message}`);
  });
  return run;

  async function withWeights(given: unknown, weights: string): Promise<unknown> {
    const { model, ...others } = Object(given);
    if (Object(model).weights !== undefined) {
      throw new FlError(
        "invalid-argument",
        `${file} has weights, and --weights names others: leave one of them out.`,
      );
    }
    const upload = await api.typed.upload(await readBytes(pathOf(weights, io)));
    return { ...others, model: { ...Object(model), weights: { upload } } };
  }
}
