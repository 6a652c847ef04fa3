// Bundles the client with an owner's code, as it is deployed, and has it check itself in a process of its
// own.
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { nodeOptions } from "../../shared/cloud/tensors/nodeOptions.ts";
import { FlError } from "../../shared/core/errors.ts";
import { buildFunction } from "../bundle/buildFunction.ts";
import { type OwnPaths, readOwnCode } from "../bundle/ownCode.ts";
import { writeFolder } from "../bundle/writeFolder.ts";
import type { DevReport } from "./reportLines.ts";

export interface Trial {
  readonly root: string;
  readonly own: OwnPaths;
  readonly job: { readonly clientId: string; readonly data?: string; readonly spec: unknown };
  /** CLIENT_DATA, MEMORY_MIB and what else the client's own environment says. */
  readonly environment: Readonly<Record<string, string>>;
}

/** What a client needs in its environment and does not use here: it calls nobody. */
const nobody = {
  COORDINATOR_URL: "http://127.0.0.1:9",
  CLIENT_URL: "http://127.0.0.1:9",
  TASK_INVOKER: "nobody@example.org",
};

/** @throws FlError for code that cannot be used, and where the process ends without a report */
export async function tryClient({ root, own, job, environment }: Trial): Promise<DevReport> {
  const sources = await readOwnCode(root, own);
  const { files } = await buildFunction(root, "client", sources, "devClient");
  // Within the repository, where the packages outside of a bundle are found.
  const parent = join(root, "dist");
  await mkdir(parent, { recursive: true });
  const folder = await mkdtemp(join(parent, "client-dev."));
  try {
    await writeFolder(folder, files);
    const memoryMib = Number(environment["MEMORY_MIB"]);
    const child = fork(join(folder, "devClient.mjs"), {
      env: { ...process.env, NODE_OPTIONS: nodeOptions(memoryMib) ?? "", ...nobody, ...environment },
      // Its log, the owner's code's included, is beside the report.
      stdio: ["ignore", 2, "inherit", "ipc"],
    });
    child.send(job);
    return await reportOf(child);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function reportOf(child: ChildProcess): Promise<DevReport> {
  const ended = once(child, "exit").then(([code, signal]) => {
    throw new FlError(
      "internal",
      `The client's process ended without a report (${signal ?? `exit code ${code}`}): its log says why, such as too little memory.`,
      { retry: "never" },
    );
  });
  ended.catch(() => undefined);
  const [report] = await Promise.race([once(child, "message"), ended]);
  return report;
}
