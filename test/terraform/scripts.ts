// Runs the shell scripts of terraform/ with stand-ins for the programs that they call.
import { spawn } from "node:child_process";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { configuration } from "./support.ts";

export interface Ended {
  readonly status: number | null;
  readonly stderr: string;
  readonly stdout: string;
  /** What the stand-ins wrote to $CALLS, a line each. */
  readonly calls: readonly string[];
}

/** Runs `sh -c COMMAND` in terraform/.., where a program in `programs` is the shell script given for it. */
export async function runScript(
  command: string,
  programs: Readonly<Record<string, string>>,
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const folder = await mkdtemp(join(tmpdir(), "scripts-"));
  try {
    for (const [name, script] of Object.entries(programs)) {
      await writeFile(join(folder, name), `#!/bin/sh\n${script}\n`);
      await chmod(join(folder, name), 0o755);
    }
    const calls = join(folder, "calls");
    await writeFile(calls, "");
    const child = spawn("sh", ["-c", command], {
      cwd: join(configuration, ".."),
      stdio: ["ignore", "pipe", "pipe"],
      env: { PATH: `${folder}:${process.env["PATH"]}`, HOME: folder, CALLS: calls, ...env },
    });
    const ended = new Promise<number | null>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", resolve);
    });
    const [status, stdout, stderr] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
    const lines = (await readFile(calls, "utf8")).split("\n").filter((line) => line !== "");
    return { status, stdout, stderr, calls: lines };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
