// Gives a function's packages native TensorFlow while the function is built, and nothing that is not pinned
// by its hash.
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { compileBinding, fetchHeaders, headersBesideNode, unpackLibrary, withScratch } from "./library.ts";
import { fetchPinned, WrongBytesError } from "./pinnedFile.ts";
import type { PinnedFile } from "./pins.ts";

export interface InstallOptions {
  /** The function's folder, with its node_modules. */
  readonly root: string;
  /** Whether the build fails without native TensorFlow. */
  readonly isRequired: boolean;
  readonly wheel: PinnedFile;
  readonly headers: PinnedFile;
  /** Where the wheel's bytes come from, where not from where they were pinned. */
  readonly wheelUrl?: string | undefined;
  /** The npm registry in use; asked for only where it is needed. */
  readonly registry: () => Promise<string>;
  /**
   * Loads and tries native TensorFlow in a process of its own. Resolves to the reason why it does not work,
   * else "".
   */
  readonly probe: () => Promise<string>;
  /** "linux-x64"; by default this machine's. */
  readonly platform?: string;
}

export type Installed =
  | { readonly ok: true; readonly backend: "native" | "portable"; readonly message: string }
  | { readonly ok: false; readonly message: string };

const HOW_TO_DO_WITHOUT =
  "Build again where it can be had, or name another place of the same bytes (tensorflow_wheel_url in Terraform, " +
  "TENSORFLOW_WHEEL_URL for the build), or set require_native_tensors to false in Terraform (REQUIRE_NATIVE_TENSORS=false for " +
  "the build and the function) to work on the portable backend, several times slower.";

/**
 * Never throws. Wrong bytes fail the build whatever is required: what a server sends in their place is an
 * attack or a mistake.
 */
export async function installNative(options: InstallOptions): Promise<Installed> {
  const tfjsNode = join(options.root, "node_modules", "@tensorflow", "tfjs-node");
  try {
    await install(tfjsNode, options);
    return { ok: true, backend: "native", message: `Native TensorFlow works (${options.wheel.name}).` };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    for (const made of ["deps", "lib"]) await rm(join(tfjsNode, made), { recursive: true, force: true });
    if (error instanceof WrongBytesError) {
      return { ok: false, message: `This build was sent a wrong file and stops here: ${reason}.` };
    }
    if (options.isRequired) {
      return {
        ok: false,
        message: `This function needs native TensorFlow, which cannot be had: ${reason}. ${HOW_TO_DO_WITHOUT}`,
      };
    }
    return {
      ok: true,
      backend: "portable",
      message: `WARNING: this function will work on the portable backend, several times slower than native TensorFlow: ${reason}.`,
    };
  }
}

async function install(tfjsNode: string, options: InstallOptions): Promise<void> {
  const { wheel, wheelUrl, headers, registry, probe } = options;
  const platform = options.platform ?? `${process.platform}-${process.arch}`;
  if (platform !== "linux-x64") throw new Error(`the pinned library is for linux-x64, not for ${platform}`);
  if (!existsSync(tfjsNode)) throw new Error("the package @tensorflow/tfjs-node is not installed");
  const deps = join(tfjsNode, "deps");
  for (const made of ["deps", "lib"]) await rm(join(tfjsNode, made), { recursive: true, force: true });
  await withScratch(deps, async (scratch) => {
    const nodeHeaders =
      headersBesideNode() ?? (await fetchHeaders(headers, await registry(), join(scratch, "headers")));
    const path = join(scratch, wheel.name);
    await fetchPinned(wheel, wheelUrl ?? wheel.url, path);
    await unpackLibrary(path, deps);
    await compileBinding(tfjsNode, nodeHeaders);
  });
  const failure = await probe();
  if (failure !== "") throw new Error(`it is installed and does not work: ${failure}`);
}
