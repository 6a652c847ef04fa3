// `npm run export`: model versions, rounds and invocations of a run, in the formats of other tools. What
// the api does not tell is not exported.
import type { ApiClient } from "../apiClient.ts";
import type { Interruption } from "../interruption.ts";
import { releaseOfThis } from "../release.ts";
import type { Export } from "./exportOptions.ts";
import { openOutFolder } from "./outFolder.ts";

export interface ExportDeps {
  readonly api: ApiClient;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly nowMs: () => number;
  /** One line of what was done, for programs. */
  readonly print: (line: string) => void;
  /** One line for people. */
  readonly warn: (line: string) => void;
  /** Listens for the signals that end it. */
  readonly interruption: () => Interruption;
}

/**
 * Returns the exit code.
 *
 * @throws FlError saying what cannot be exported, and what to do. Nothing is left behind then.
 */
export async function runExport(what: Export, deps: ExportDeps): Promise<number> {
  const { api, env, print } = deps;
  if (what.kind === "mlflow") {
    const { exportMlflow } = await import("./tools/exportMlflow.ts");
    const made = await exportMlflow(what, await api.run(what.runId), api, env);
    print(`${what.trackingUri}: run ${made}`);
    return 0;
  }
  const out = await openOutFolder(what.out, what.force);
  const stopped = deps.interruption();
  try {
    const written = write(what, api, out.folder, deps).then(() => "written" as const);
    const cut = new Promise<"cut">((resolve) => {
      stopped.signal.addEventListener("abort", () => resolve("cut"), { once: true });
    });
    if ((await Promise.race([written, cut])) === "cut") {
      written.catch(() => undefined); // Its folder goes away under it.
      return stopped.exitCode();
    }
    for (const path of await out.finish()) print(path);
    return 0;
  } finally {
    await out.discard();
    stopped.dispose();
  }
}

async function write(
  what: Exclude<Export, { readonly kind: "mlflow" }>,
  api: ApiClient,
  folder: string,
  { nowMs, warn }: ExportDeps,
): Promise<void> {
  const run = await api.run(what.runId);
  switch (what.kind) {
    case "model": {
      const { exportModel } = await import("./models/exportModel.ts");
      return exportModel(what, run, { api, nowMs, release: releaseOfThis() }, folder);
    }
    case "tables": {
      const { exportTables } = await import("./tables/exportTables.ts");
      return exportTables(what, run, api, folder, warn);
    }
    case "tool": {
      const { exportTool } = await import("./tools/exportTool.ts");
      return exportTool(what, run, { api, nowMs, warn }, folder);
    }
  }
}
