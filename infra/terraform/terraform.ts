// Runs the terraform program with the stand-in provider, in a copy of the configuration.
import { spawn } from "node:child_process";
import { cp, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { text } from "node:stream/consumers";
import { FlError } from "../../shared/core/errors.ts";

export interface Result {
  readonly code: number;
  /** What it wrote, of both kinds. */
  readonly output: string;
}

/** A copy of terraform/ to run in. */
export interface Workspace {
  /** The copy of terraform/. */
  readonly dir: string;
  /** Runs `terraform ARGS` in a folder of the copy. Never rejects for what terraform finds wrong. */
  run(folder: string, ...args: readonly string[]): Promise<Result>;
  remove(): Promise<void>;
}

/**
 * Copies `source`, without what terraform itself left there.
 *
 * @param env of the stand-in provider
 */
export async function openWorkspace(
  source: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Workspace> {
  const root = await realpath(await mkdtemp(join(tmpdir(), "terraform-")));
  const dir = join(root, "terraform");
  const filter = (path: string) => ![".terraform", "terraform.tfstate"].includes(basename(path));
  await cp(source, dir, { recursive: true, filter });
  const config = join(root, "empty.tfrc");
  await writeFile(config, "");
  return {
    dir,
    run: (folder, ...args) => runTerraform(join(dir, folder), args, { ...env, TF_CLI_CONFIG_FILE: config }),
    remove: () => rm(root, { recursive: true, force: true }),
  };
}

/**
 * One run of the terraform on the PATH, that makes no request.
 *
 * @throws FlError("failed-precondition") where there is none
 */
async function runTerraform(
  cwd: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Result> {
  const child = spawn("terraform", [...args], {
    cwd,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      PATH: process.env["PATH"],
      HOME: process.env["HOME"],
      CHECKPOINT_DISABLE: "1",
      TF_IN_AUTOMATION: "1",
      TF_INPUT: "0",
      ...env,
    },
  });
  const ended = new Promise<number>((resolve, reject) => {
    child.once("error", (cause) =>
      reject(
        new FlError(
          "failed-precondition",
          "There is no terraform on the PATH: install 1.9 or newer (https://developer.hashicorp.com/terraform/install).",
          { cause },
        ),
      ),
    );
    child.once("close", (code) => resolve(code ?? 1));
  });
  const [code, out, err] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
  return { code, output: `${out}${err}` };
}
